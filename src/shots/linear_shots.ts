/**
 * The shots of layers that keep a recurrent state: new tokens of a prefill × decodes, as v1.2 spaces them.
 *
 * @module
 */
import { textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";
import { geometricAxisFromZero } from "./axes.ts";
import { fitsPool, type Limits } from "./limits.ts";
import type { LinearAttentionShot } from "./shot.ts";

/** History of each decode in tokens: there must be one, its length does not matter to a state. */
export const DECODE_HISTORY = 256;
const START = 16;
/** Tokens of a chunk where the configuration says none: what gated delta nets take. */
const USUAL_CHUNK = 64;

/**
 * The tokens that a recurrent kernel takes at once.
 *
 * @param config The model's configuration.
 * @returns Tokens: `chunk_size` or `mamba_chunk_size`, else 64.
 */
export function recurrentChunk(config: ModelConfig): number {
  const { chunk_size: chunk, mamba_chunk_size: mamba } = textConfig(config);
  const size = chunk ?? mamba;
  return typeof size === "number" && Number.isInteger(size) && size > 0 ? size : USUAL_CHUNK;
}

/**
 * New tokens of the prefills: doubling below a chunk, then one, two, four ... chunks, each whole and begun anew.
 *
 * @param maxNumBatchedTokens New tokens that a batch may hold.
 * @param chunk Tokens of a chunk.
 * @returns The values, ascending from 0.
 *
 * @example
 * ```ts
 * import { linearPrefillAxis } from "./linear_shots.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(linearPrefillAxis(300, 64), [0, 16, 32, 64, 65, 128, 129, 256, 257, 300]);
 * ```
 */
export function linearPrefillAxis(maxNumBatchedTokens: number, chunk: number): number[] {
  const axis = new Set([0, maxNumBatchedTokens]);
  for (let tokens = START; tokens < chunk; tokens *= 2) axis.add(tokens);
  for (let tokens = chunk; tokens <= maxNumBatchedTokens; tokens *= 2) axis.add(tokens).add(tokens + 1);
  return [...axis].filter((tokens) => tokens <= maxNumBatchedTokens).sort((a, b) => a - b);
}

/**
 * The shots of layers that keep a recurrent state, those that an engine can fire.
 *
 * @param tp Tensor-parallel degree.
 * @param chunk Tokens that a recurrent kernel takes at once.
 * @param limits What the engine allows.
 * @returns The shots, by new tokens of the prefill, then by decodes.
 */
export function linearShots(tp: number, chunk: number, limits: Limits): LinearAttentionShot[] {
  const { max_num_batched_tokens: tokens, max_num_seqs: requests, max_model_len: longest } = limits;
  const decodes = geometricAxisFromZero(requests, { start: 1, factor: 2 });
  const fits = (prefill: number, n: number): boolean =>
    prefill + n > 0 && prefill + n <= tokens + requests && Math.sign(prefill) + n <= requests &&
    prefill + 1 <= longest && (n === 0 || DECODE_HISTORY + 2 <= longest) &&
    fitsPool([[prefill, 1], [DECODE_HISTORY + 1, n, DECODE_HISTORY]], limits);
  return linearPrefillAxis(tokens, chunk).flatMap((prefill) =>
    decodes.filter((n) => fits(prefill, n)).map((n): LinearAttentionShot => ({
      category: "linear_attention",
      tp,
      prefill_tokens: prefill,
      n_decode: n,
    }))
  );
}
