/**
 * The picture of what a shot's time is made of.
 *
 * @module
 */
import { type Figure, shownFigure } from "../../src/view/figure.ts";
import { axis, inkOnSeries, layerLooks, layoutOf, PAPER } from "../../src/view/theme.ts";
import type { EvidenceOf } from "./evidence.ts";
import { partMs, PARTS } from "./sections/shot_time.ts";

/** Bars without room for a number, in milliseconds. */
const LEAST_LABELLED_MS = 0.25;

/**
 * Draws where the time of a shot goes, each category's ways one below the other.
 *
 * @param file What was measured.
 * @param ways The ways that are drawn.
 * @returns Horizontal bars of their parts in milliseconds, and beside each how long the device worked meanwhile.
 */
export function shotTimeFigure(file: EvidenceOf<"shot-time">, ways: readonly string[]): Figure {
  const measured = ways.flatMap((way) =>
    Object.entries(file.ideas[way] ?? {}).map(([category, one]) => ({
      category,
      name: `${category}, ${way}`,
      ...one,
    }))
  );
  const bars = [...Map.groupBy(measured, ({ category }) => category).values()].flat();
  const names = bars.map(({ name }) => name);
  const looks = layerLooks(PARTS.keys());
  const longest = Math.max(...bars.map(({ ms_a_shot }) => ms_a_shot));
  return shownFigure({
    data: [
      ...[...PARTS.keys()].map((part) => {
        const ms = bars.map(({ split_ms }) => partMs(split_ms, part));
        const { color } = looks.get(part)!;
        return {
          type: "bar",
          orientation: "h",
          name: part,
          y: names,
          x: ms,
          marker: { color, line: { color: PAPER, width: 1 } },
          text: ms.map((value) => value < LEAST_LABELLED_MS ? "" : value.toFixed(1)),
          textposition: "inside",
          textangle: 0,
          textfont: { color: inkOnSeries(color) },
        };
      }),
      {
        type: "scatter",
        mode: "text",
        showlegend: false,
        cliponaxis: false,
        hoverinfo: "skip",
        y: names,
        x: bars.map(({ ms_a_shot }) => ms_a_shot + longest * 0.012),
        text: bars.map(({ ms_a_shot, busy_ms }) => `${ms_a_shot.toFixed(1)}, device ${busy_ms.toFixed(1)}`),
        textposition: "middle right",
      },
    ],
    layout: layoutOf({
      title: "The host is the limit of a shot, not the device",
      subtitle: `${file.hardware}, ${file.model}; ms a shot, and for how many the device works`,
      xaxis: axis("time of a shot (ms)", { range: [0, longest * 1.25] }),
      yaxis: axis("", { type: "category", autorange: "reversed", automargin: true, showgrid: false }),
      height: 220 + 44 * bars.length,
      legend: { traceorder: "normal" },
      more: { barmode: "stack", bargap: 0.35 },
    }),
  });
}
