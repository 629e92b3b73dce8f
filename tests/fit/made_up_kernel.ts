/**
 * A made-up attention kernel, to have tables with skew in them whose true times are known.
 *
 * @module
 */
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { attentionAxes, attentionShots } from "../../src/shots/attention_shots.ts";
import { shotKey } from "../../src/shots/shot.ts";
import { type SkewCase, skewCases } from "../../src/shots/skew_cases.ts";

/** How far the grids reach. */
export interface Extent {
  /** Largest prefill chunk, in tokens. */
  readonly maxNumBatchedTokens: number;
  /** Most decoding requests. */
  readonly maxNumSeqs: number;
  /** Longest KV length, in tokens. */
  readonly attentionMaxKv: number;
}

/** The default sweep's extent. */
export const DEFAULT_EXTENT: Extent = { maxNumBatchedTokens: 2048, maxNumSeqs: 256, attentionMaxKv: 16_384 };

/** Blocks that run at once. */
const BLOCKS = 256;
const TILE_US = 0.4;
const LAUNCH_US = 6;

/**
 * The time of a batch: a block for each decode and each 64 rows of prefill, as long as its tiles of 64 tokens; the
 * kernel ends when the work is spread or the longest block is through.
 *
 * @param prefill New tokens and history of the prefill.
 * @param decodes [history, requests] of the decodes.
 * @returns Time in microseconds.
 */
export function kernelUs(
  prefill: readonly [number, number],
  decodes: readonly (readonly [number, number])[],
): number {
  const [pc, kp] = prefill;
  const blocks = decodes.map(([kv, times]) => [Math.ceil((kv + 1) / 64) + 2, times] as const);
  if (pc > 0) blocks.push([Math.ceil((kp + pc / 2) / 64) + 2, Math.ceil(pc / 64)]);
  const work = blocks.reduce((sum, [tiles, times]) => sum + tiles * times * 32, 0) / BLOCKS;
  const longest = Math.max(0, ...blocks.map(([tiles]) => tiles));
  return LAUNCH_US + TILE_US * (work + longest);
}

/**
 * The kernel's attention.csv and skew.csv on the default grids.
 *
 * @param extent How far the grids reach.
 * @param noise The factor on the i-th skewed time.
 * @returns The rows, with ends measured beside each case.
 */
export function makeTables(
  extent: Extent,
  noise: (i: number) => number = () => 1,
): { attention: Row[]; skew: SkewRow[] } {
  const limits = {
    max_num_batched_tokens: extent.maxNumBatchedTokens,
    max_num_seqs: extent.maxNumSeqs,
    num_cache_tokens: 4_400_000,
    max_model_len: 131_072,
    num_experts: null,
    top_k: null,
    block_size: 16,
  };
  const axes = attentionAxes({ ...extent, attentionChunkFactor: 2, attentionKvFactor: 2 });
  const attention = attentionShots(1, axes, limits, extent.maxNumSeqs).map((shot) => ({
    layer: null,
    key: shotKey(shot),
    timeUs: kernelUs([shot.prefill_chunk, shot.kv_prefill], [[shot.kv_decode, shot.n_decode]]),
  }));
  const factors = { skewNFactor: 2, skewPcFactor: 2, skewKpFactor: 2, skewKvsFactor: 2 };
  const skew = skewCases({ ...extent, ...factors }, limits).map((own, i) => measured(own, noise(i)));
  return { attention, skew };
}

function measured(own: SkewCase, noise: number): SkewRow {
  const { n, nb, kvs, kv_big, kv_mean } = own;
  const prefill = [own.pc, own.kp] as const;
  const t_mean_us = kernelUs(prefill, [[kv_mean, n]]);
  const t_max_us = kernelUs(prefill, [[kv_big, n]]);
  const t_skew_us = noise * kernelUs(prefill, [[kv_big, nb], [kvs, n - nb]]);
  const alpha = t_max_us > t_mean_us ? (t_skew_us - t_mean_us) / (t_max_us - t_mean_us) : null;
  return { ...own, t_mean_us, t_max_us, t_skew_us, alpha };
}
