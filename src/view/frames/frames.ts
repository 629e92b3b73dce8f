/**
 * A bundle as data frames.
 *
 * @module
 */
import type pl from "nodejs-polars";
import type { Bundle, WholeBundle } from "../../bundle/open.ts";
import type { KernelTable } from "../../bundle/whole_table.ts";
import type { Category } from "../../shots/shot.ts";
import { longFrame, type LongTable } from "./long_frame.ts";
import { kernelFrame, skewCellsFrame } from "./kernel_frame.ts";
import { energyFrame } from "./energy_frame.ts";
import { sustainedFrame } from "./sustained_frame.ts";
import { attentionFrame, skewFitFrame, skewFrame, tableFrame } from "./table_frame.ts";

/** The tables of a bundle as data frames; times in microseconds, tokens, sequences and experts as counts. */
export interface Frames {
  /** Times of the layers that depend on new tokens: layer, tokens, time_us. */
  dense(tp: number): pl.DataFrame;
  /** Times of the layers that depend on requests: layer, sequences, time_us. */
  perSequence(tp: number): pl.DataFrame;
  /** Times of attention: prefill_chunk, kv_prefill, n_decode, kv_decode, time_us; estimated: predicted, not measured. */
  attention(tp: number): pl.DataFrame;
  /** Times of layers with a recurrent state: layer, prefill_tokens, n_decode, time_us. */
  linearAttention(tp: number): pl.DataFrame;
  /** Times of the experts: tokens, activated_experts, time_us. */
  moe(tp: number): pl.DataFrame;
  /**
   * Times of a table as v1.2 reads it: layer, the key's columns (of attention prefill_chunk, prefill_key, n_decode,
   * kv_decode), decode_q_len or ep, time_us.
   */
  kernels(tp: number, table: KernelTable): pl.DataFrame;
  /** The alphas of v1.2, with the columns of its skew_fit.csv. */
  skewCells(tp: number): pl.DataFrame;
  /** Skew cases, with the columns of skew.csv. */
  skew(tp: number): pl.DataFrame;
  /** Fitted alphas, with the columns of skew_fit.csv. */
  skewFit(tp: number): pl.DataFrame;
  /**
   * What layers take under a lasting load: category, layer, tp, key, cool_us, time_us, power_w, energy_mj,
   * sm_clock_mhz; of all degrees.
   */
  sustained(): pl.DataFrame;
  /**
   * Energy of the rows: category, layer, key, time_us, sustained_us, power_w, energy_mj, measured (false: an estimate
   * from other rows of the layer), clocks_down.
   */
  energy(tp: number): pl.DataFrame;
  /** One table of all degrees below each other, with the columns hardware, model, variant and tp in front. */
  long(table: LongTable): pl.DataFrame;
}

/**
 * Gives a bundle's tables as data frames; each is made when it is asked for.
 *
 * @param bundle The bundle.
 * @returns The frames.
 *
 * @example
 * ```ts
 * import { frames } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: null, key: [64, 8], timeUs: 50 }];
 * const bundle = {
 *   dir: "", meta: {}, tps: [1], issues: [], table: () => rows, skew: () => [], skewFit: () => [], estimated: () => [],
 * };
 * assert.deepEqual(frames(bundle).moe(1).columns, ["tokens", "activated_experts", "time_us"]);
 * ```
 */
export function frames(bundle: Bundle & Partial<Pick<WholeBundle, "kernels" | "skewCells">>): Frames {
  const table = (category: Category) => (tp: number): pl.DataFrame =>
    tableFrame(category, bundle.table(tp, category));
  return {
    dense: table("dense"),
    perSequence: table("per_sequence"),
    attention: (tp) => attentionFrame(bundle, tp),
    linearAttention: table("linear_attention"),
    moe: table("moe"),
    kernels: (tp, name) => kernelFrame(name, bundle.kernels?.(tp, name) ?? new Map()),
    skewCells: (tp) => skewCellsFrame(bundle.skewCells?.(tp) ?? []),
    skew: (tp) => skewFrame(bundle.skew(tp)),
    skewFit: (tp) => skewFitFrame(bundle.skewFit(tp)),
    sustained: () => sustainedFrame(bundle),
    energy: (tp) => energyFrame(bundle, tp),
    long: (name) => longFrame([bundle], name),
  };
}
