/**
 * Figure: attention over the decodes' KV length, a line for each number of decodes.
 *
 * @module
 */
import { countAxis, timeAxis } from "../axes.ts";
import { type Figure, shownFigure, subjectText } from "../figure.ts";
import { formatCount, plural, significant } from "../text.ts";
import { layoutOf, lineOf, orderedLook } from "../theme.ts";
import { type AttentionMap, predictedAmong } from "./attention_map.ts";

/**
 * Draws slices of the attention table; where a line is level, launching costs more than reading the KV cache.
 *
 * @param input What it shows; a row with this prefill at least.
 * @returns The figure.
 */
export function attentionSlices({ subject, rows, estimated, chunk, kvPrefill = 0 }: AttentionMap): Figure {
  const isPredicted = predictedAmong(estimated);
  const shown = rows.filter(({ key: [pc, kp, n] }) => pc === chunk && kp === kvPrefill && n! > 0);
  const slices = [...Map.groupBy(shown, ({ key }) => key[2]!)].sort(([a], [b]) => a - b)
    .map(([n, group]) => ({ n, points: group.toSorted((a, b) => a.key[3]! - b.key[3]!) }));
  const { n, points } = slices.at(-1) ?? { n: 0, points: [] };
  const [first, last] = [points[0], points.at(-1)];
  const growth = first === undefined || last === undefined ? 1 : last.timeUs / first.timeUs;
  const longer = first === undefined || last === undefined ? 1 : last.key[3]! / first.key[3]!;
  const beside = chunk === 0 ? "decodes alone" : `with a prefill of ${formatCount(chunk)} tokens`;
  return shownFigure({
    data: slices.map(({ n, points }, index) => {
      const { line, marker } = lineOf(orderedLook(index, slices.length));
      return {
        type: "scatter",
        mode: "lines+markers",
        name: formatCount(n),
        x: points.map(({ key }) => key[3]!),
        y: points.map(({ timeUs }) => timeUs),
        hovertemplate: `${plural(n, "decode")}, %{x:,} KV tokens: %{y:.3~f} µs<extra></extra>`,
        line,
        marker: { ...marker, opacity: points.map(({ key }) => isPredicted(key) ? 0.35 : 1) },
      };
    }),
    layout: layoutOf({
      title: `${plural(n, "decode")}${chunk === 0 ? "" : ` with a prefill of ${formatCount(chunk)}`}: ${
        formatCount(longer)
      }x longer KV costs ${significant(growth)}x`,
      subtitle: subjectText(
        subject,
        shown.some(({ key }) => isPredicted(key)) ? `${beside}; pale: predicted` : beside,
      ),
      xaxis: countAxis("KV length of each decode (tokens)", shown.map(({ key }) => key[3]!)),
      yaxis: timeAxis("time of attention", shown.map(({ timeUs }) => timeUs)),
      legend: { title: { text: "decodes ", font: { size: 11 } } },
    }),
  });
}
