/**
 * Figure: what a tensor-parallel degree gains, layer by layer.
 *
 * @module
 */
import type { Row } from "../../bundle/tables.ts";
import { countAxis } from "../axes.ts";
import { type Figure, type Subject, subjectText, type Trace } from "../figure.ts";
import { formatCount } from "../text.ts";
import { axis, layerIndex, layoutOf, series } from "../theme.ts";

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
 */
export function tpScaling({ subject, base, rows }: TpScaling): Figure {
  const at = new Map(base.map(({ layer, key, timeUs }) => [`${layer} ${key[0]}`, timeUs]));
  const lines = [...Map.groupBy(rows, ({ layer }) => layer ?? "")].map(([layer, group]) => {
    const points = group.toSorted((a, b) => a.key[0]! - b.key[0]!)
      .flatMap(({ key, timeUs }) => {
        const before = at.get(`${layer} ${key[0]}`);
        return before === undefined ? [] : [[key[0]!, before / timeUs] as const];
      });
    return { layer, x: points.map(([tokens]) => tokens), y: points.map(([, ratio]) => ratio) };
  }).filter(({ y }) => y.length > 0 && !isCopied(y)).sort((a, b) => b.y.at(-1)! - a.y.at(-1)!);
  const tokens = lines.flatMap(({ x }) => x);
  const [best, worst] = [lines[0], lines.at(-1)];
  return {
    data: [
      ...lines.map(({ layer, x, y }): Trace => ({
        type: "scatter",
        mode: "lines+markers",
        name: layer,
        x,
        y,
        hovertemplate: "%{x:,} tokens: %{y:.2f} times as fast",
        ...series(layerIndex(layer)),
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
        : `At ${formatCount(best.x.at(-1)!)} tokens tp ${subject.tp} is ${
          timesText(worst.y.at(-1)!)
        } (${worst.layer}) to ${timesText(best.y.at(-1)!)} times (${best.layer}) as fast`,
      subtitle: subjectText(
        subject,
        "against tp 1, one device's share of the work; communication not included",
      ),
      xaxis: countAxis("new tokens in the batch", tokens),
      yaxis: axis("time at tp 1 / time (times as fast)", { rangemode: "tozero" }),
    }),
  };
}

function timesText(ratio: number): string {
  return String(Number(ratio.toFixed(2)));
}
