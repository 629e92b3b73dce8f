/**
 * The attention shots of both grids in one: a bundle of them serves either simulator as its own grid would.
 *
 * @module
 */
import { attentionAxes, type AttentionGrid, attentionShots } from "./attention_shots.ts";
import type { Limits } from "./limits.ts";
import { newerAttentionShots, newerAxes } from "./newer_shots.ts";
import type { AttentionShot } from "./shot.ts";
import { chunkOf, windowOf } from "./limits.ts";

/** August's own steps and reach; a coarser step that is asked for counts for both, a shorter reach too. */
const AUGUST = { factor: 2, reach: 16_384 };

/**
 * The attention shots of v1.2's grid and of August's, each once. August reads the history of one prefill, cut to a whole
 * number: of shots that it cannot tell apart v1.2's is planned. So that it never looks between prefills of several
 * requests and one with a history, every slice has a prefill without. Histories of August's axis have decodes over the
 * whole axis of v1.2, so that lines of a slice end alike.
 *
 * @param tp Tensor-parallel degree.
 * @param grid Extent and factors of v1.2's grid.
 * @param limits What the engine allows.
 * @returns The shots: v1.2's in its order, then what August has beside.
 * @throws {UsageError} when the axes span more than 5 million shots.
 */
export function unionAttentionShots(tp: number, grid: AttentionGrid, limits: Limits): AttentionShot[] {
  const newer = newerAxes(grid, limits);
  const august = attentionAxes({
    maxNumBatchedTokens: limits.max_num_batched_tokens,
    maxNumSeqs: limits.max_num_seqs,
    attentionMaxKv: Math.min(grid.attentionMaxKv, AUGUST.reach, limits.max_model_len),
    attentionChunkFactor: Math.max(AUGUST.factor, grid.attentionChunkFactor),
    attentionKvFactor: Math.max(AUGUST.factor, grid.attentionKvFactor),
    windowTokens: windowOf(limits),
    localChunk: chunkOf(limits),
  });
  const kv = [...new Set([...newer.kv, ...august.kv])].sort((a, b) => a - b);
  const placed = (chunks: readonly number[], histories: readonly number[], decodes: readonly number[]) =>
    chunks.filter((chunk) => chunk > 0).flatMap((chunk) =>
      newerAttentionShots(tp, {
        chunks: [chunk],
        keys: histories.map((history) => history + chunk / 2),
        decodes,
        kv,
        decodeQLens: [1],
      }, limits)
    );
  const shots = new Map<string, AttentionShot>();
  for (
    const group of [
      newerAttentionShots(tp, newer, limits),
      placed(newer.chunks, [0], newer.decodes),
      placed(august.chunks, august.kv, august.decodes),
      attentionShots(tp, august, limits, limits.max_num_seqs + 1),
    ]
  ) {
    for (const shot of group) {
      const { prefill_chunk, kv_prefill, n_decode, kv_decode } = shot;
      const seen = [prefill_chunk, Math.floor(kv_prefill), n_decode, kv_decode].join();
      if (!shots.has(seen)) shots.set(seen, shot);
    }
  }
  return [...shots.values()];
}
