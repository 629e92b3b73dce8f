/**
 * The attention and expert shots of v1.2's grid: prefills at a place, by several requests where one cannot lie there.
 *
 * @module
 */
import { sharedExperts } from "../model/share_experts.ts";
import { roundDecimals } from "../number_format.ts";
import { WHOLE_CONTEXT } from "../settings/whole_context.ts";
import { geometricAxisFromZero, powerOfTwoAxis, refuseHuge, tokenAxis } from "./axes.ts";
import { chunkOf, fitsPool, type Limits, windowOf, withinChunk, withinWindow } from "./limits.ts";
import type { AttentionGrid } from "./attention_shots.ts";
import type { AttentionShot, MoeShot } from "./shot.ts";
import { expertCounts, fitsOneRequest } from "./token_shots.ts";

/** The axes of the grid; those of tokens and requests begin with 0. */
export interface NewerAxes {
  /** New tokens of all prefills. */
  readonly chunks: readonly number[];
  /** Their mean place, in tokens. */
  readonly keys: readonly number[];
  /** Decoding requests. */
  readonly decodes: readonly number[];
  /** Their histories, in tokens. */
  readonly kv: readonly number[];
  /** New tokens of each of them, from 1. */
  readonly decodeQLens: readonly number[];
}

/** Least tokens of each of several prefills. */
const LEAST_CHUNK = 16;
const START = 16;

/**
 * The axes of the grid.
 *
 * @param grid Its extent and factors.
 * @param limits What the engine allows.
 * @returns The axes.
 * @throws {UsageError} when a factor is not above 1.
 */
export function newerAxes(
  grid: Omit<AttentionGrid, "maxNumBatchedTokens" | "maxNumSeqs">,
  limits: Limits,
): NewerAxes {
  const { max_num_batched_tokens: tokens, max_num_seqs: requests, max_model_len: longest } = limits;
  const { decodeQLens = [1] } = grid;
  const reach = grid.attentionMaxKv >= WHOLE_CONTEXT
    ? Math.max(1, longest - Math.max(...decodeQLens) - 1)
    : Math.min(grid.attentionMaxKv, longest);
  const kv = { start: START, factor: grid.attentionKvFactor };
  const windowTokens = windowOf(limits);
  const chunk = chunkOf(limits);
  const half = Math.floor(tokens / 2);
  return {
    chunks: geometricAxisFromZero(tokens, { start: START, factor: grid.attentionChunkFactor }),
    keys: withinWindow(
      withinChunk(geometricAxisFromZero(reach + half, kv), chunk, half),
      windowTokens === null ? null : windowTokens + half,
    ),
    decodes: geometricAxisFromZero(requests, { start: 1, factor: grid.attentionNFactor ?? 2 }),
    kv: withinWindow(withinChunk(geometricAxisFromZero(reach, kv), chunk, tokens), windowTokens),
    decodeQLens,
  };
}

/**
 * The attention shots of the grid that an engine can fire.
 *
 * @param tp Tensor-parallel degree.
 * @param axes The grid's axes.
 * @param limits What the engine allows.
 * @returns The shots, nested in the order of new tokens, place, decodes, their history and their new tokens.
 * @throws {UsageError} when the axes span more than 5 million shots.
 *
 * @example
 * ```ts
 * import { newerAttentionShots } from "./newer_shots.ts";
 * import assert from "node:assert/strict";
 * const limits = {
 *   max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000, max_model_len: 512, block_size: 16,
 *   num_experts: null, top_k: null,
 * };
 * const axes = { chunks: [64], keys: [16], decodes: [0], kv: [0], decodeQLens: [1] };
 * assert.deepEqual(newerAttentionShots(1, axes, limits)[0]?.prefills, [[32, 0], [32, 0]]);
 * ```
 */
export function newerAttentionShots(tp: number, axes: NewerAxes, limits: Limits): AttentionShot[] {
  const { max_num_batched_tokens: tokens, max_num_seqs: requests, max_model_len: longest } = limits;
  const { chunks, keys, decodes, kv: histories, decodeQLens } = axes;
  refuseHuge(
    "attention",
    chunks.length * keys.length * decodes.length * histories.length * decodeQLens.length,
  );
  const shots: AttentionShot[] = [];
  for (const chunk of chunks) {
    for (const place of chunk === 0 ? [0] : keys) {
      const prefills = chunk === 0 ? [] : prefillsAt(chunk, place, requests);
      if (prefills === null || prefills.some(([new_, history]) => new_ + history + 1 > longest)) continue;
      const key = prefills.reduce((sum, [new_, history]) => sum + new_ * (history + new_ / 2), 0) / chunk;
      const taken = prefills.map(([new_, history]) => [new_ + history, 1, history] as const);
      for (const n of decodes) {
        if (prefills.length + n > requests || prefills.length + n === 0) continue;
        for (const kv of histories) {
          if ((n === 0) !== (kv === 0)) continue;
          for (const q of n === 0 ? [1] : decodeQLens) {
            if (chunk + n * q > tokens + requests) continue;
            if (n > 0 && q + kv + 1 > longest) continue;
            if (!fitsPool([...taken, [q + kv, n, kv]], limits)) continue;
            shots.push(placedShot(tp, prefills, chunk === 0 ? 0 : key, n, kv, q));
          }
        }
      }
    }
  }
  return shots;
}

/**
 * A shot of prefills at a place.
 *
 * @param tp Tensor-parallel degree.
 * @param prefills New tokens and history of each prefill.
 * @param prefillKey Their mean place in tokens, 0 without prefills.
 * @param nDecode Decoding requests.
 * @param kvDecode History of each of them in tokens.
 * @param decodeQLen New tokens of each of them. @default {1}
 * @returns The shot; its kv_prefill is what one prefill at that place would have before it, below 0 where several lie
 * nearer than one can.
 */
export function placedShot(
  tp: number,
  prefills: readonly (readonly [chunk: number, history: number])[],
  prefillKey: number,
  nDecode: number,
  kvDecode: number,
  decodeQLen = 1,
): AttentionShot {
  const chunk = prefills.reduce((sum, [own]) => sum + own, 0);
  return {
    category: "attention",
    tp,
    prefill_chunk: chunk,
    kv_prefill: chunk === 0 ? 0 : prefillKey - chunk / 2,
    n_decode: nDecode,
    kv_decode: kvDecode,
    prefills,
    prefill_key: prefillKey,
    ...decodeQLen > 1 && { decode_q_len: decodeQLen },
  };
}

/** As few prefills as can lie at a place with no history below 0; null where none can. */
function prefillsAt(chunk: number, place: number, requests: number): [number, number][] | null {
  if (place === 0) return null;
  const count = Math.max(1, Math.ceil(chunk / (2 * place)));
  const least = Math.floor(chunk / count);
  if (count > requests || least < LEAST_CHUNK) return null;
  const prefills = Array.from({ length: count }, (_, i): [number, number] => {
    const own = least + (i < chunk % count ? 1 : 0);
    return [own, roundDecimals(place - own / 2, 0)];
  });
  return prefills.some(([own]) => place - own / 2 < 0) ? null : prefills;
}

/**
 * The expert shots of the grid: as August's, on the axis of dense in steps of 16, for one of the devices that share
 * the experts.
 *
 * @param limits What the engine of all experts allows.
 * @param ep Devices that share them. @default {1}
 * @returns The shots, by tokens, then by experts; at tensor-parallel degree 1.
 * @throws {UsageError} when the limits name no experts, or they cannot be shared so.
 */
export function newerMoeShots(limits: Limits, ep = 1): MoeShot[] {
  const { experts, topK } = expertCounts(limits);
  const own = sharedExperts({ numExperts: experts, topK }, ep);
  return tokenAxis(limits.max_num_batched_tokens).filter((tokens) => fitsOneRequest(tokens, limits)).flatMap((
    tokens,
  ) =>
    powerOfTwoAxis(own.numExperts).filter((count) => own.topK <= count && count <= tokens * own.topK)
      .map((count): MoeShot => ({
        category: "moe",
        tp: 1,
        tokens,
        activated_experts: count,
        ...ep > 1 && { ep },
      }))
  );
}
