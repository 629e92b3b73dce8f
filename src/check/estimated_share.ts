/**
 * How much of a lookup's answer rests on predicted rows.
 *
 * @module
 */
import { type AttentionTrace, sides } from "../predict/explain.ts";

/**
 * The share of the weight of an attention lookup that rows of a kind have.
 *
 * @param trace How the lookup came to its answer.
 * @param counts Whether the row of a key is of that kind.
 * @returns The share, from 0 to 1.
 *
 * @example
 * ```ts
 * import { shareOfRows } from "./estimated_share.ts";
 * import { makeAttentionTable } from "../predict/attention.ts";
 * import { traceAttention } from "../predict/explain.ts";
 * import assert from "node:assert/strict";
 * const rows = [[0, 0, 1, 16], [0, 0, 1, 48]].map((key) => ({ layer: null, key, timeUs: 5 }));
 * const trace = traceAttention(makeAttentionTable(rows)!, 0, 0, 1, 24);
 * assert.equal(shareOfRows(trace, ([, , , kv]) => kv === 48), 0.25);
 * ```
 */
export function shareOfRows(
  { corners }: AttentionTrace,
  counts: (key: readonly number[]) => boolean,
): number {
  let counted = 0;
  let all = 0;
  for (const { slice: { chunk, nDecode }, weight, kvPrefill, kvDecode } of corners) {
    for (const [line, [kp, lineWeight]] of sides(kvPrefill).entries()) {
      for (const [kv, rowWeight] of sides(kvDecode[line]!)) {
        // Beyond the grid one of two weights is below 0.
        const size = Math.abs(weight * lineWeight * rowWeight);
        all += size;
        if (size > 0 && counts([chunk, kp, nDecode, kv])) counted += size;
      }
    }
  }
  return counted / all;
}
