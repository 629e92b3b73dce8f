/**
 * Figure: a recurrent layer's time over prefill tokens and decodes.
 *
 * @module
 */
import type { Row } from "../../bundle/tables.ts";
import { type Figure, type Subject, subjectText } from "../figure.ts";
import { heatMap, peak } from "../heat_map.ts";
import { plural } from "../../count_text.ts";

/**
 * Draws the times of one layer that keeps a recurrent state as a heat map.
 *
 * @param input What it is about, and the layer's rows of linear_attention.csv, at least one.
 * @returns The figure; combinations that were not measured are grey.
 *
 * @example
 * ```ts
 * import { linearAttentionMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [{ layer: "gdn", key: [0, 1], timeUs: 8 }, { layer: "gdn", key: [64, 1], timeUs: 90 }];
 * const { data } = linearAttentionMap({ subject, rows });
 * assert.deepEqual(data[0]!.text, [["8", "90"]]);
 * ```
 */
export function linearAttentionMap(
  { subject, rows }: { readonly subject: Subject; readonly rows: readonly Row[] },
): Figure {
  const cells = rows.map(({ key, timeUs }) => ({ x: key[0]!, y: key[1]!, value: timeUs }));
  const { text, cell } = peak(cells);
  const layer = rows[0]?.layer ?? "linear_attention";
  return heatMap({
    cells,
    title: `${layer} takes up to ${text}: ${plural(cell.x, "prefill token")}, ${plural(cell.y, "decode")}`,
    subtitle: subjectText(subject, "one layer with a recurrent state"),
    missing: "not measured",
    x: "new tokens of the prefill",
    y: "decoding requests",
    scale: "time",
    legend: "time",
  });
}
