/**
 * Figure: attention over the decodes' KV length, a line for each number of decodes.
 *
 * @module
 */
import { countAxis, timeAxis } from "../axes.ts";
import { BAND_TEXT, bandOf } from "../band.ts";
import type { PointErrors } from "../figure_csv.ts";
import { type Figure, shownFigure, subjectText, type Trace } from "../figure.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare, significant } from "../text.ts";
import { layoutOf, lineOf, orderedLook } from "../theme.ts";
import { spreadsOf } from "../timeline.ts";
import { type AttentionMap, predictedAmong } from "./attention_map.ts";

/**
 * Draws slices of the attention table; where a line is level, launching costs more than reading the KV cache.
 *
 * @param input What it shows; a row with this prefill at least.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { attentionSlices } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [16, 64].map((kv) => ({ layer: null, key: [0, 0, 1, kv], timeUs: kv / 8 }));
 * const { data } = attentionSlices({ subject, rows, chunk: 0 });
 * assert.deepEqual(data.map(({ x, y }) => [x, y]), [[[16, 64], [2, 8]]]);
 * ```
 */
export function attentionSlices(
  { subject, rows, estimated, samples = [], chunk, kvPrefill = 0 }: AttentionMap,
): Figure {
  const spreadOf = spreadsOf(samples, subject, "attention");
  const isPredicted = predictedAmong(estimated);
  const shown = rows.filter(({ key: [pc, kp, n] }) => pc === chunk && kp === kvPrefill && n! > 0);
  const slices = [...Map.groupBy(shown, ({ key }) => key[2]!)].sort(([a], [b]) => a - b)
    .map(([n, group]) => ({ n, points: group.toSorted((a, b) => a.key[3]! - b.key[3]!) }));
  const { n, points } = slices.at(-1) ?? { n: 0, points: [] };
  const [first, last] = [points[0], points.at(-1)];
  const growth = first === undefined || last === undefined ? 1 : last.timeUs / first.timeUs;
  const longer = first === undefined || last === undefined ? 1 : last.key[3]! / first.key[3]!;
  const beside = chunk === 0 ? "decodes alone" : `with a prefill of ${plural(chunk, "token")}`;
  let banded = false;
  const data = slices.flatMap(({ n, points }, index): Trace[] => {
    const look = orderedLook(index, slices.length);
    const { line, marker } = lineOf(look);
    const [x, y] = [points.map(({ key }) => key[3]!), points.map(({ timeUs }) => timeUs)];
    const shares = points.map(({ layer, key }) => spreadOf(layer ?? "attention", key));
    const band = shares.some((share) => share !== null);
    banded ||= band;
    return [...band ? [bandOf({ x, y, shares, color: look.color })] : [], {
      type: "scatter",
      mode: "lines+markers",
      name: formatCount(n),
      x,
      y,
      ...band ? { meta: { errors: shares } satisfies PointErrors } : {},
      customdata: shares.map((share) => share === null ? "" : ` ±${formatShare(share)}`),
      hovertemplate: `${plural(n, "decode")}, KV length %{x:,}: %{y:.3~f} µs%{customdata}<extra></extra>`,
      line,
      marker: { ...marker, opacity: points.map(({ key }) => isPredicted(key) ? 0.35 : 1) },
    }];
  });
  const notes = [
    ...shown.some(({ key }) => isPredicted(key)) ? ["pale: predicted"] : [],
    ...banded ? [BAND_TEXT] : [],
  ];
  return shownFigure({
    data,
    layout: layoutOf({
      title: `${plural(n, "decode")}${chunk === 0 ? "" : ` with a prefill of ${formatCount(chunk)}`}: ${
        formatCount(longer)
      }x longer KV costs ${significant(growth)}x`,
      subtitle: subjectText(subject, [beside, ...notes].join("; ")),
      xaxis: countAxis("KV length of each decode (tokens)", shown.map(({ key }) => key[3]!)),
      yaxis: timeAxis("time of attention", shown.map(({ timeUs }) => timeUs)),
      legend: { title: { text: "decodes ", font: { size: 11 } } },
    }),
  });
}
