/**
 * Figure: what measuring a part of a table costs in exactness, for several ways to choose the part.
 *
 * @module
 */
import { decadeTicks, extent } from "../axes.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { significant } from "../text.ts";
import { axis, layoutOf, lineOf, lookOf } from "../theme.ts";

/** A way to choose the part, and how far the table is from the truth. */
export interface ErrorCurve {
  /** Its name. */
  readonly name: string;
  /** Share of the shots that is measured, and the relative error that 90% of all rows stay within, as shares. */
  readonly points: readonly {
    readonly shots: number;
    readonly error: number;
    /** What the sweep itself says that the error stays below, as a share. @default {not drawn} */
    readonly bound?: number;
  }[];
}

/** What the figure shows. */
export interface ErrorOverShots {
  /** What it is about. */
  readonly subject: Subject;
  /** The ways; the first one is compared with the best of the others. */
  readonly curves: readonly ErrorCurve[];
}

/**
 * Draws the error that 90% of the rows stay within, over the share of the shots that is measured.
 *
 * @param input What it shows; every way has a point at least.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { errorOverShots } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const curves = [{ name: "adaptive", points: [{ shots: 0.1, error: 0.05 }, { shots: 0.2, error: 0.03 }] }];
 * const { data } = errorOverShots({ subject, curves });
 * assert.equal(data[0]!.name, "adaptive");
 * ```
 */
export function errorOverShots({ subject, curves }: ErrorOverShots): Figure {
  const bounded = curves.some(({ points }) => points.some(({ bound }) => bound !== undefined));
  const ordered = curves.map(({ name, points }) => ({
    name,
    points: points.toSorted((a, b) => a.shots - b.shots),
  }));
  const all = ordered.flatMap(({ points }) => points);
  return shownFigure({
    data: ordered.map(({ name, points }, index) => ({
      type: "scatter",
      mode: "lines+markers",
      name,
      x: points.map(({ shots }) => 100 * shots),
      y: points.map(({ error }) => 100 * error),
      hovertemplate: "%{x:.3~g}% of the shots: 90% of the rows within %{y:.3~g}%",
      ...points.some(({ bound }) => bound !== undefined) &&
        { error_y: boundsOf(points, lookOf(index).color) },
      ...lineOf(lookOf(index)),
    })),
    layout: layoutOf({
      title: titleOf(ordered),
      subtitle: subjectText(
        subject,
        `error of all rows of attention, measured ones counted as exact${
          bounded ? "; bars: up to the sweep's own 95% bound" : ""
        }`,
      ),
      xaxis: percentAxis("measured shots (%)", all.map(({ shots }) => shots)),
      yaxis: percentAxis(
        "error that 90% of the rows stay within (%)",
        all.flatMap(({ error, bound = error }) => Number.isFinite(bound) ? [error, bound] : error),
      ),
    }),
  });
}

/** Bars from the errors up to the bounds. */
function boundsOf(points: ErrorCurve["points"], color: string): Trace {
  const up = points.map(({ error, bound = error }) =>
    Number.isFinite(bound) ? Math.max(0, bound - error) : 0
  );
  return {
    ...{ type: "data", symmetric: false, color, thickness: 1.2, width: 4 },
    array: up.map((share) => 100 * share),
    arrayminus: points.map(() => 0),
  };
}

/** The first way against the best of the others, where shares are nearest to each other. */
function titleOf([first, ...others]: readonly ErrorCurve[]): string {
  const point = first!.points[Math.floor(first!.points.length / 2)]!;
  const text = `${first!.name}: 90% of the rows within ${percent(point.error)} from ${
    percent(point.shots)
  } of the shots`;
  const rivals = others.map(({ name, points }) => {
    const distance = (shots: number): number => Math.abs(Math.log(shots / point.shots));
    return { name, ...points.reduce((a, b) => distance(b.shots) < distance(a.shots) ? b : a) };
  });
  const best = rivals.reduce(
    (a, b) => b.error < a.error ? b : a,
    rivals[0] ?? { name: "", shots: 0, error: 0 },
  );
  return rivals.length === 0
    ? text
    : `${text}; ${best.name}: ${percent(best.error)} from ${percent(best.shots)}`;
}

function percent(share: number): string {
  return `${significant(100 * share)}%`;
}

function percentAxis(text: string, shares: readonly number[]): ReturnType<typeof axis> {
  const percents = shares.map((share) => 100 * share);
  const [low, high] = extent(percents);
  const range = [Math.log10(low / 1.25), Math.log10(high * 1.25)];
  return axis(text, { type: "log", range, ...decadeTicks(percents) });
}
