/**
 * What a predictor says about shots that were measured.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import type { Predictor } from "../predict/predictor.ts";
import type { Category } from "../shots/shot.ts";

/**
 * The predicted time of a row's shot.
 *
 * @param predictor The predictor.
 * @param tp Tensor-parallel degree.
 * @param category The row's category.
 * @param row The row.
 * @returns Time in microseconds.
 * @throws {LookupError} when the predictor's bundle lacks the table or the layer.
 *
 * @example
 * ```ts
 * import { openBundle, predictor } from "shotlab";
 * import { predictRow } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const [row] = bundle.table(1, "dense");
 * assert.ok(Math.abs(predictRow(predictor(bundle), 1, "dense", row!) / row!.timeUs - 1) < 0.001);
 * ```
 */
export function predictRow(predictor: Predictor, tp: number, category: Category, row: Row): number {
  const [a, b, c, d] = row.key as [number, number, number, number];
  switch (category) {
    case "dense":
      return predictor.dense(tp, row.layer ?? "", a) / 1000;
    case "per_sequence":
      return predictor.perSequence(tp, row.layer ?? "", a) / 1000;
    case "attention":
      return predictor.attention(tp, { chunk: a, kvPrefill: b, nDecode: c, kvDecode: d }) / 1000;
    case "linear_attention":
      return (predictor.linearAttention(tp, row.layer ?? "", { prefillTokens: a, nDecode: b }) ?? 0) / 1000;
    case "moe":
      return predictor.moe({ tokens: a, activatedExperts: b }) / 1000;
  }
}

/**
 * The predicted time of a skew case: of the batch of `nb` long and `n - nb` short decodes beside its prefill.
 *
 * @param predictor The predictor.
 * @param tp Tensor-parallel degree.
 * @param row The case.
 * @returns Time in microseconds.
 * @throws {LookupError} when the bundle lacks attention times at this degree.
 *
 * @example
 * ```ts
 * import { openBundle, predictor } from "shotlab";
 * import { predictSkew } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const [row] = bundle.skew(1);
 * assert.ok(Math.abs(predictSkew(predictor(bundle), 1, row!) / row!.t_skew_us - 1) < 0.2);
 * ```
 */
export function predictSkew(predictor: Predictor, tp: number, row: SkewRow): number {
  const { n, nb, pc, kp, kvs, kv_big: kvBig } = row;
  const prefills = pc > 0 ? [{ chunk: pc, history: kp }] : [];
  const short = n > nb ? [{ kv: kvs, count: n - nb }] : [];
  return predictor.batch(tp, { prefills, decodes: [{ kv: kvBig, count: nb }, ...short] }) / 1000;
}
