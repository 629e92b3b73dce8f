/**
 * The attention shots: prefill chunk × its history × decodes × their history.
 *
 * @module
 */
import { geometricAxisFromZero, refuseHuge } from "./axes.ts";
import { fitsPool, type Limits, type LocalChunk, withinChunk, withinWindow } from "./limits.ts";
import type { AttentionShot } from "./shot.ts";

/** How far the attention grid reaches and how coarse it is; a setting has the same name. */
export interface AttentionGrid {
  /** Largest prefill chunk, in tokens. */
  readonly maxNumBatchedTokens: number;
  /** Most decoding requests. */
  readonly maxNumSeqs: number;
  /** Longest KV length, in tokens. */
  readonly attentionMaxKv: number;
  /** Ratio of neighbouring prefill chunks. */
  readonly attentionChunkFactor: number;
  /** Ratio of neighbouring KV lengths. */
  readonly attentionKvFactor: number;
  /** Which simulator's grid it is, or both in one; v1.2's places prefills. @default {"august"} */
  readonly grid?: "august" | "v1.2" | "both";
  /** Ratio of neighbouring numbers of decodes of v1.2's grid; August's double. @default {2} */
  readonly attentionNFactor?: number;
  /** Tokens of the window of an engine all of whose attention slides. @default {null: none} */
  readonly windowTokens?: number | null;
  /** The chunk of an engine with local attention. @default {null: none} */
  readonly localChunk?: LocalChunk | null;
  /** New tokens of a decode, ascending, of v1.2's grid; August's is 1. @default {[1]} */
  readonly decodeQLens?: readonly number[];
}

/** The axes of an attention grid; each begins with 0. */
export interface AttentionAxes {
  /** Prefill chunks, in tokens. */
  readonly chunks: readonly number[];
  /** Decoding requests. */
  readonly decodes: readonly number[];
  /** Histories of the prefill and of the decodes, in tokens. */
  readonly kv: readonly number[];
}

/**
 * The axes of an attention grid. Decodes double; chunks and histories begin at 16.
 *
 * @param grid Its extent and factors.
 * @returns The axes.
 * @throws {UsageError} when a factor is not above 1.
 *
 * @example
 * ```ts
 * import { attentionAxes } from "./attention_shots.ts";
 * import assert from "node:assert/strict";
 * const axes = attentionAxes({
 *   maxNumBatchedTokens: 64,
 *   maxNumSeqs: 4,
 *   attentionMaxKv: 100,
 *   attentionChunkFactor: 2,
 *   attentionKvFactor: 2,
 * });
 * assert.deepEqual(axes.chunks, [0, 16, 32, 64]);
 * assert.deepEqual(axes.decodes, [0, 1, 2, 4]);
 * assert.deepEqual(axes.kv, [0, 16, 32, 64, 100]);
 * ```
 */
export function attentionAxes(grid: AttentionGrid): AttentionAxes {
  const { maxNumBatchedTokens, maxNumSeqs, attentionMaxKv, attentionChunkFactor, attentionKvFactor } = grid;
  const axis = geometricAxisFromZero(attentionMaxKv, { start: 16, factor: attentionKvFactor });
  const kv = withinChunk(axis, grid.localChunk ?? null, maxNumBatchedTokens);
  return {
    chunks: geometricAxisFromZero(maxNumBatchedTokens, { start: 16, factor: attentionChunkFactor }),
    decodes: geometricAxisFromZero(maxNumSeqs, { start: 1, factor: 2 }),
    kv: withinWindow(kv, grid.windowTokens ?? null),
  };
}

/**
 * The attention shots of a grid that an engine can fire.
 *
 * New tokens need no test of their own: the engine has room for `max_num_batched_tokens + max_num_seqs`, and the
 * axes end at these.
 *
 * @param tp Tensor-parallel degree.
 * @param axes The grid's axes.
 * @param limits What the engine allows.
 * @param maxRequests Most requests of a batch that has a prefill: the reference profiler stays at `max_num_seqs`
 * and so never measures as many decodes with a prefill; the engine has room for one more.
 * @returns The shots, nested in the order of the key.
 * @throws {UsageError} when the axes span more than 5 million shots.
 */
export function attentionShots(
  tp: number,
  axes: AttentionAxes,
  limits: Limits,
  maxRequests: number,
): AttentionShot[] {
  const { chunks, decodes, kv } = axes;
  refuseHuge("attention", chunks.length * kv.length * decodes.length * kv.length);
  const shots: AttentionShot[] = [];
  const decodeHistories = kv.filter((history) => history > 0 && history + 2 <= limits.max_model_len);
  for (const chunk of chunks) {
    for (const kvPrefill of chunk > 0 ? kv : [0]) {
      if (chunk + kvPrefill + 1 > limits.max_model_len) break;
      for (const n of decodes) {
        if (chunk === 0 ? n === 0 : n + 1 > maxRequests) continue;
        for (const kvDecode of n > 0 ? decodeHistories : [0]) {
          if (!fitsPool([[chunk + kvPrefill, 1, kvPrefill], [1 + kvDecode, n, kvDecode]], limits)) break;
          shots.push({
            category: "attention",
            tp,
            prefill_chunk: chunk,
            kv_prefill: kvPrefill,
            n_decode: n,
            kv_decode: kvDecode,
          });
        }
      }
    }
  }
  return shots;
}
