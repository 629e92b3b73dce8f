/**
 * The settings of a server.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import type { CacheGroup } from "../shots/limits.ts";
import type { ServedSettings } from "./served.ts";

/** The limits of a server, by vLLM's names, and how it schedules. */
export interface ServerSettings {
  /** Most new tokens of a step. */
  readonly maxNumBatchedTokens: number;
  /** Most requests of a step. */
  readonly maxNumSeqs: number;
  /** Tokens of a KV block. */
  readonly blockSize: number;
  /** KV blocks, `num_gpu_blocks` of vLLM: one of them holds nothing. */
  readonly numBlocks: number;
  /** Groups of layers that share the blocks, such as `fits` gives. @default {one that keeps all tokens} */
  readonly groups?: readonly CacheGroup[];
  /** Longest request in tokens. @default {Infinity} */
  readonly maxModelLen?: number;
  /** Whether step i+1 is scheduled when step i starts, as vLLM does by default; else when its tokens have come. @default {true} */
  readonly asyncScheduling?: boolean;
  /** Whether requests with the same prefix share its blocks. @default {false} */
  readonly prefixCaching?: boolean;
}

/**
 * The settings of an engine that has served.
 *
 * @param settings As its head has them.
 * @returns The same by our names.
 *
 * @example
 * ```ts
 * import { readServedSteps } from "shotlab";
 * import { serverOf } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const served = (await readServedSteps("perf/H200/meta-llama/Llama-3.1-8B/bf16", 1))!;
 * assert.equal(serverOf(served.head.settings).maxNumSeqs, 256);
 * ```
 */
export function serverOf(settings: ServedSettings): ServerSettings {
  return {
    maxNumBatchedTokens: settings.max_num_batched_tokens,
    maxNumSeqs: settings.max_num_seqs,
    blockSize: settings.block_size,
    numBlocks: settings.num_gpu_blocks,
    maxModelLen: settings.max_model_len,
    asyncScheduling: settings.async_scheduling,
    prefixCaching: settings.prefix_caching,
  };
}

/**
 * Refuses settings that no server has.
 *
 * @param settings The settings.
 * @throws {UsageError} when a limit is no whole number of at least 1, there are fewer than 2 blocks, or prefixes are
 * cached where groups of layers share the blocks.
 */
export function checkServer(settings: ServerSettings): void {
  const least = { maxNumBatchedTokens: 1, maxNumSeqs: 1, blockSize: 1, numBlocks: 2 };
  for (const [name, from] of Object.entries(least)) {
    const value = settings[name as keyof typeof least];
    if (Number.isInteger(value) && value >= from) continue;
    throw new UsageError(
      `Cannot simulate the server: ${name} must be a whole number from ${from}, got ${value}`,
    );
  }
  const { prefixCaching = false, groups = [] } = settings;
  if (prefixCaching && groups.length > 1) {
    throw new UsageError(
      `Cannot simulate the server: prefixCaching must be off where ${
        plural(groups.length, "group")
      } of layers share the KV ` +
        "blocks; how they keep prefixes is not simulated",
    );
  }
}
