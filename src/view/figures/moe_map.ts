/**
 * Figure: the experts' time over tokens and activated experts.
 *
 * @module
 */
import type { Row } from "../../bundle/tables.ts";
import { type Figure, type Subject, subjectText } from "../figure.ts";
import { heatMap } from "../heat_map.ts";
import { formatCount, plural } from "../../count_text.ts";
import { significant } from "../text.ts";

/**
 * Draws the experts' times as a heat map.
 *
 * @param input What it is about, and the rows of moe.csv, at least one.
 * @returns The figure; combinations that cannot occur are grey.
 *
 * @example
 * ```ts
 * import { moeMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [{ layer: null, key: [16, 8], timeUs: 20 }, { layer: null, key: [32, 8], timeUs: 21 }];
 * assert.deepEqual(moeMap({ subject, rows }).data[0]!.text, [["20", "21"]]);
 * ```
 */
export function moeMap(
  { subject, rows }: { readonly subject: Subject; readonly rows: readonly Row[] },
): Figure {
  return heatMap({
    cells: rows.map(({ key, timeUs }) => ({ x: key[0]!, y: key[1]!, value: timeUs })),
    title: headline(rows),
    subtitle: subjectText(subject, "one block of experts"),
    missing: "tokens cannot reach that many",
    x: "new tokens in the batch",
    y: "experts that get tokens",
    scale: "time",
    legend: "time",
  });
}

/** By how much more experts cost at the number of tokens with the widest choice. */
function headline(rows: readonly Row[]): string {
  const columns = [...Map.groupBy(rows, ({ key }) => key[0]!).values()];
  const widest = columns.reduce((most, column) => column.length >= most.length ? column : most)
    .toSorted((a, b) => a.key[1]! - b.key[1]!);
  const [few, many] = [widest[0]!, widest.at(-1)!];
  return `At ${plural(few.key[0]!, "token")}, ${plural(many.key[1]!, "expert takes", "experts take")} ${
    significant(many.timeUs / few.timeUs)
  }x as long as ${formatCount(few.key[1]!)}`;
}
