/**
 * What a live engine allows.
 *
 * @module
 */

/** A group of the KV cache; sizes are tokens. */
export interface CacheGroup {
  /** What it keeps of a request: all tokens, the last `span` ones, those of the current `span`, or a state. */
  readonly kind: "full" | "sliding" | "chunked" | "state";
  /** Tokens of a block. */
  readonly block_size: number;
  /** Tokens of the window or the chunk, null for none. */
  readonly span: number | null;
}

/** Limits that a booted engine reports; a shot that breaks one is not fired. */
export interface Limits {
  /** New tokens that one batch may hold (the logical value; the engine has `max_num_seqs` tokens of room above it). */
  readonly max_num_batched_tokens: number;
  /** Requests that one batch may hold (the logical value; the engine has room for one more). */
  readonly max_num_seqs: number;
  /** Tokens that the KV pool holds. */
  readonly num_cache_tokens: number;
  /** Longest request, history and new tokens together. */
  readonly max_model_len: number;
  /** Routed experts of a layer, null for a dense model. */
  readonly num_experts: number | null;
  /** Experts per token, null for a dense model. */
  readonly top_k: number | null;
  /** Tokens of one KV block. */
  readonly block_size: number;
  /** Blocks of the KV pool, and the groups that share them; absent where one group keeps all tokens. */
  readonly pool?: { readonly blocks: number; readonly groups: readonly CacheGroup[] } | undefined;
}

/** Requests that are alike: tokens of each (history and new ones), how many they are, and the history's part of them. */
export type RequestRun = readonly [tokens: number, count: number, history?: number];

/**
 * Whether the KV pool holds some requests; each takes whole blocks.
 *
 * @param requests Runs of equal requests; where no history is said, all tokens are kept.
 * @param limits The block size and the pool.
 * @returns Whether they fit.
 *
 * @example
 * ```ts
 * import { fitsPool } from "./limits.ts";
 * import assert from "node:assert/strict";
 * assert.equal(fitsPool([[17, 3]], { block_size: 16, num_cache_tokens: 96 }), true);
 * assert.equal(fitsPool([[17, 3], [1, 1]], { block_size: 16, num_cache_tokens: 96 }), false);
 * const groups = [{ kind: "sliding", block_size: 16, span: 32 }, { kind: "state", block_size: 64, span: null }] as const;
 * const limits = { block_size: 16, num_cache_tokens: 0, pool: { blocks: 5, groups } };
 * assert.equal(fitsPool([[1001, 1, 1000]], limits), true); // 3 blocks of the window, 1 state; block 0 is nobody's
 * ```
 */
export function fitsPool(
  requests: Iterable<RequestRun>,
  { block_size: block, num_cache_tokens: tokens, pool }: Pick<
    Limits,
    "block_size" | "num_cache_tokens" | "pool"
  >,
): boolean {
  let taken = 0;
  for (const [size, count, history = 0] of requests) {
    if (pool === undefined) taken += count * Math.ceil(size / block) * block;
    else if (size > 0) {
      taken += count * keptBlocks(pool.groups, { tokens: size, history });
    }
  }
  return taken <= (pool === undefined ? tokens : pool.blocks - 1);
}

/**
 * Blocks that groups of the KV cache keep of a request: those that no new token attends to are gone.
 *
 * @param groups The groups.
 * @param request Tokens of the request, and those of them that were computed before.
 * @returns The blocks of all groups.
 *
 * @example
 * ```ts
 * import { keptBlocks } from "./limits.ts";
 * import assert from "node:assert/strict";
 * const groups = [{ kind: "sliding", block_size: 16, span: 32 }, { kind: "state", block_size: 64, span: null }] as const;
 * assert.equal(keptBlocks(groups, { tokens: 1001, history: 1000 }), 3 + 1);
 * ```
 */
export function keptBlocks(
  groups: readonly CacheGroup[],
  { tokens, history }: { readonly tokens: number; readonly history: number },
): number {
  let blocks = 0;
  for (const group of groups) blocks += keptIn(group, tokens, history);
  return blocks;
}

function keptIn({ kind, block_size: block, span }: CacheGroup, tokens: number, history: number): number {
  if (kind === "state") return 1;
  const forgotten = span === null || kind === "full"
    ? 0
    : kind === "sliding"
    ? Math.max(0, history - span + 1)
    : Math.floor(history / span) * span;
  const last = Math.ceil(tokens / block);
  return last - Math.min(Math.floor(forgotten / block), last);
}

/**
 * The window of an engine all of whose attention slides: a longer history cannot make a difference.
 *
 * @param limits What the engine allows, with its groups.
 * @returns Tokens of the widest window; null where a layer looks back at all of them, or at those of a chunk.
 */
export function windowOf({ pool }: Pick<Limits, "pool">): number | null {
  const groups = pool?.groups.filter(({ kind }) => kind !== "state") ?? [];
  const spans = groups.map(({ kind, span }) => kind === "sliding" && span !== null ? span : Infinity);
  const widest = Math.max(...spans);
  return groups.length === 0 || widest === Infinity ? null : widest;
}

/** Local attention of a chunk: a token looks back to where its chunk begins. */
export interface LocalChunk {
  /** Tokens of a chunk. */
  readonly spanTokens: number;
  /** Whether no layer looks further back, so that longer histories are those within a chunk again. */
  readonly isAll: boolean;
}

/**
 * The chunk of an engine with local attention.
 *
 * @param limits What the engine allows, with its groups.
 * @returns The widest chunk; null without such layers.
 */
export function chunkOf({ pool }: Pick<Limits, "pool">): LocalChunk | null {
  const groups = pool?.groups.filter(({ kind }) => kind !== "state") ?? [];
  const spans = groups.flatMap(({ kind, span }) => kind === "chunked" && span !== null ? [span] : []);
  if (spans.length === 0) return null;
  return { spanTokens: Math.max(...spans), isAll: groups.every(({ kind }) => kind !== "full") };
}

/**
 * The histories of an axis that tell local attention's times. A history is read from where its chunk begins, so that
 * the last from which a batch's new tokens stay within the chunk is among them, and where no layer looks further
 * back none beyond it.
 *
 * @param axis Histories in tokens, ascending.
 * @param chunk The chunk, null without local attention.
 * @param newTokens Most new tokens of a batch.
 * @returns The histories, ascending.
 *
 * @example
 * ```ts
 * import { withinChunk } from "./limits.ts";
 * import assert from "node:assert/strict";
 * const axis = [0, 1024, 4096, 8192, 16384];
 * assert.deepEqual(withinChunk(axis, { spanTokens: 8192, isAll: false }, 2048), [0, 1024, 4096, 6144, 8192, 16384]);
 * assert.deepEqual(withinChunk(axis, { spanTokens: 8192, isAll: true }, 2048), [0, 1024, 4096, 6144]);
 * ```
 */
export function withinChunk(
  axis: readonly number[],
  chunk: LocalChunk | null,
  newTokens: number,
): readonly number[] {
  if (chunk === null) return axis;
  const longest = chunk.spanTokens - newTokens;
  const least = axis.find((tokens) => tokens > 0) ?? Infinity;
  const added = longest > least && longest < axis.at(-1)! && !axis.includes(longest) ? [longest] : [];
  return [...axis, ...added].sort((a, b) => a - b).filter((tokens) =>
    !chunk.isAll || tokens < chunk.spanTokens
  );
}

/**
 * The histories that can make a difference: up to the first that fills the window, and the last, which must be alike.
 *
 * @param axis Histories in tokens, ascending.
 * @param windowTokens The window, null for none.
 * @returns The histories.
 *
 * @example
 * ```ts
 * import { withinWindow } from "./limits.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(withinWindow([0, 16, 32, 64, 128, 256], 40), [0, 16, 32, 64, 256]);
 * ```
 */
export function withinWindow(axis: readonly number[], windowTokens: number | null): number[] {
  const full = windowTokens === null ? -1 : axis.findIndex((tokens) => tokens >= windowTokens);
  return axis.filter((_, at) => full < 0 || at <= full || at === axis.length - 1);
}
