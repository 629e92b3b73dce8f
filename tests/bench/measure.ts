/**
 * Repeats and their summary.
 *
 * @module
 */
import { median } from "../../src/stats.ts";

/** One line of the table. */
export interface Measurement {
  /** What was measured. */
  readonly what: string;
  /** The value, in `unit`. */
  readonly value: number;
  /** The value's unit. */
  readonly unit: "ms" | "MB";
  /** What it may be at most, in the same unit. */
  readonly limit?: number;
}

/**
 * Times an action.
 *
 * @param repeats How often it is run.
 * @param action The action.
 * @returns Milliseconds of the first run, and the median of all.
 */
export async function timed(
  repeats: number,
  action: () => unknown,
): Promise<{ firstMs: number; medianMs: number }> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const begun = performance.now();
    await action();
    times.push(performance.now() - begun);
  }
  return { firstMs: times[0]!, medianMs: median(times) };
}

/**
 * Writes measurements as a table.
 *
 * @param rows The measurements.
 * @returns The text, a line per measurement.
 */
export function formatMeasurements(rows: readonly Measurement[]): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  return rows.map(({ what, value, unit, limit }) => {
    const bound = limit === undefined
      ? ""
      : `   at most ${limit} ${unit}${value > limit ? "   TOO MUCH" : ""}`;
    return `${what.padEnd(width)}  ${value.toFixed(value < 1 ? 3 : 1).padStart(8)} ${unit}${bound}`;
  }).join("\n");
}
