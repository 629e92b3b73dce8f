/**
 * Figure: what a tensor-parallel degree gains, layer by layer.
 *
 * @module
 */
import type { Row } from "../../bundle/tables.ts";
import { median } from "../../stats.ts";
import { countAxis } from "../axes.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { plural } from "../../count_text.ts";
import { axis, layerLooks, layoutOf, lineOf } from "../theme.ts";

/** What the figure shows. */
export interface TpScaling {
  /** What it is about; its degree is the larger one. */
  readonly subject: Subject;
  /** Rows of dense.csv at tp 1. */
  readonly base: readonly Row[];
  /** Rows of dense.csv at the subject's degree. */
  readonly rows: readonly Row[];
}

/** A layer whose times are all the same at both degrees was measured once and copied. */
const isCopied = (ratios: readonly number[]): boolean => ratios.every((ratio) => ratio === 1);

/**
 * Draws how many times faster each layer gets, over tokens; the dashed line is the degree itself.
 *
 * @param input What it shows; both tables with common keys.
 * @returns The figure; layers that do not depend on the degree are left out.
 *
 * @example
 * ```ts
 * import { tpScaling } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 2, quantity: "kernel" };
 * const rows = (timeUs: number) => [64, 128].map((tokens) => ({ layer: "o_proj", key: [tokens], timeUs }));
 * const { data } = tpScaling({ subject, base: rows(20), rows: rows(10) });
 * assert.deepEqual(data.find(({ name }) => name === "o_proj")?.y, [2, 2]);
 * ```
 */
export function tpScaling({ subject, base, rows }: TpScaling): Figure {
  const at = new Map(base.map(({ layer, key, timeUs }) => [`${layer} ${key[0]}`, timeUs]));
  const lines = [...Map.groupBy(rows, ({ layer }) => layer ?? "")].map(([layer, group]) => {
    const points = group.toSorted((a, b) => a.key[0]! - b.key[0]!)
      .flatMap(({ key, timeUs }) => {
        const before = at.get(`${layer} ${key[0]}`);
        return before === undefined ? [] : [[key[0]!, before / timeUs] as const];
      });
    return { layer, ...smoothed(points) };
  }).filter(({ y }) => y.length > 0 && !isCopied(y)).sort((a, b) => b.y.at(-1)! - a.y.at(-1)!);
  const tokens = lines.flatMap(({ x }) => x);
  const looks = layerLooks(lines.map(({ layer }) => layer));
  const [best, worst] = [lines[0], lines.at(-1)];
  return shownFigure({
    data: [
      ...lines.map(({ layer, x, y }): Trace => ({
        type: "scatter",
        mode: "lines+markers",
        name: layer,
        x,
        y,
        hovertemplate: "%{x:,} tokens: %{y:.2f}x",
        ...lineOf(looks.get(layer)!),
      })),
      {
        type: "scatter",
        mode: "lines",
        name: `ideal: ${subject.tp}`,
        x: [Math.min(...tokens), Math.max(...tokens)],
        y: [subject.tp, subject.tp],
        line: { color: "#262626", width: 1.2, dash: "dash" },
        hoverinfo: "skip",
      },
    ],
    layout: layoutOf({
      title: best === undefined || worst === undefined
        ? "No layer depends on the degree"
        : `TP${subject.tp} speed-up at ${plural(best.x.at(-1)!, "token")}: ${
          timesText(worst.y.at(-1)!)
        } (${worst.layer}) to ${timesText(best.y.at(-1)!)} (${best.layer})`,
      subtitle: subjectText(
        subject,
        "against tp 1, one device's share of the work; medians of half octaves; communication not included",
      ),
      xaxis: countAxis("new tokens in the batch", tokens),
      yaxis: axis("speed-up over tp 1", { rangemode: "tozero" }),
    }),
  });
}

/** Medians of half octaves: single sizes jump between kernels, which hides what a degree gains. */
function smoothed(
  points: readonly (readonly [tokens: number, ratio: number])[],
): { x: number[]; y: number[] } {
  const groups = [...Map.groupBy(points, ([tokens]) => Math.round(2 * Math.log2(tokens))).values()];
  return {
    x: groups.map((group) => Math.round(median(group.map(([tokens]) => tokens)))),
    y: groups.map((group) => median(group.map(([, ratio]) => ratio))),
  };
}

function timesText(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}
