/**
 * What a batch goes through in an engine: the modules that are called, and what each launches itself.
 *
 * @module
 */
import type { CacheGroup } from "../shots/limits.ts";

/** Requests of a batch. */
export type WalkedRequests = readonly {
  /** New tokens. */
  readonly newTokens: number;
  /** Tokens computed before. */
  readonly history: number;
}[];

/** One call of a module. */
export interface WalkNode {
  /** The module's path, as the engine has it. */
  readonly path: string;
  /** The module's class. */
  readonly class: string;
  /** Number of the call that made it, null for the forward itself. */
  readonly parent: number | null;
  /** Rows of its first tensor: tokens or sequences; null for none. */
  readonly rows: number | null;
  /** Numbers in all tensors that it is given and gives. */
  readonly elements: number;
  /** Its parameters. */
  readonly weights: number;
  /** Number of the group of the KV cache that it keeps, null for none. */
  readonly cache: number | null;
  /** The layer of the architecture that it belongs to, null for none. */
  readonly layer: string | null;
  /** Whether it routes tokens to experts. */
  readonly experts: boolean;
  /** How many of the calls that it makes begin before the longest kernel of its own. */
  readonly after: number;
  /**
   * Names and microseconds of what it launches outside of the calls that it makes, in order; of a kernel that is a
   * layer by its name that layer behind it.
   */
  readonly kernels: readonly (readonly [name: string, us: number, layer?: string])[];
}

/** What batches went through. */
export interface Walk {
  /** Paths of the decoder layers, in their order. */
  readonly decoders: readonly string[];
  /** Groups of the KV cache. */
  readonly caches: readonly CacheGroup[];
  /** The calls of each batch in the order in which they begin, the forward itself first. */
  readonly batches: Readonly<Record<string, { readonly nodes: readonly WalkNode[] }>>;
}
