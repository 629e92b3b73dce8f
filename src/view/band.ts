/**
 * Bands around lines: how far a value may be off.
 *
 * @module
 */
import type { Trace } from "./figure.ts";

/** What a subtitle says of a band of samples. */
export const BAND_TEXT = "band: ± standard deviation of a shot's samples";

/** A line, and how far its values may be off. */
export interface Banded {
  /** Places of the values, ascending. */
  readonly x: readonly number[];
  /** The values. */
  readonly y: readonly number[];
  /** By which share each may be off; null where nobody knows, which the band leaves as narrow as the line. */
  readonly shares: readonly (number | null)[];
  /** Colour of the line. */
  readonly color: string;
}

/** A band ends here below its line, as a share of it: a logarithmic axis has no 0. */
const LOWEST = 0.05;
/** How much of what is behind it a band hides, in hex. */
const OPACITY = "40";

/**
 * The band of a line; the figure says what it means.
 *
 * @param line The line.
 * @returns A trace without a legend, to be drawn below the line; it stays above 0.
 *
 * @example
 * ```ts
 * import { bandOf } from "./band.ts";
 * import assert from "node:assert/strict";
 * const { x, y } = bandOf({ x: [1, 2], y: [10, 20], shares: [0.5, null], color: "#0072B2" });
 * assert.deepEqual([x, y], [[1, 2, 2, 1], [15, 20, 20, 5]]);
 * ```
 */
export function bandOf({ x, y, shares, color }: Banded): Trace {
  const off = y.map((value, i) => value * (shares[i] ?? 0));
  return {
    type: "scatter",
    mode: "lines",
    showlegend: false,
    hoverinfo: "skip",
    x: [...x, ...x.toReversed()],
    y: [
      ...y.map((value, i) => value + off[i]!),
      ...y.map((value, i) => Math.max(value - off[i]!, value * LOWEST)).reverse(),
    ],
    fill: "toself",
    fillcolor: `${color}${OPACITY}`,
    line: { width: 0 },
  };
}
