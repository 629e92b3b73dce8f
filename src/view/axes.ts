/**
 * Axes of the quantities that bundles are about.
 *
 * @module
 */
import type { Trace } from "./figure.ts";
import { formatCount } from "../count_text.ts";
import { tickText } from "./text.ts";
import { axis } from "./theme.ts";

/**
 * A logarithmic axis of counts, with ticks at powers of two and at the largest.
 *
 * @param text What is counted.
 * @param values The values on it, all above 0.
 * @returns plotly's axis.
 */
export function countAxis(text: string, values: readonly number[]): Trace {
  const [low, high] = extent(values);
  const step = Math.log2(high / low) > 9 ? 4 : 2;
  const ticks: number[] = [];
  for (let tick = 1; tick <= high / Math.sqrt(step); tick *= step) if (tick >= low) ticks.push(tick);
  ticks.push(high);
  return axis(text, {
    type: "log",
    tickvals: ticks,
    ticktext: ticks.map(formatCount),
    range: padded(low, high),
  });
}

/** A logarithmic range with a little room at both ends. */
function padded(low: number, high: number): [number, number] {
  const room = Math.max(0.02, Math.log10(high / low) * 0.03);
  return [Math.log10(low) - room, Math.log10(high) + room];
}

/**
 * A logarithmic axis of times in microseconds.
 *
 * @param text What takes the time; the unit is added.
 * @param valuesUs The times, all above 0.
 * @returns plotly's axis.
 */
export function timeAxis(text: string, valuesUs: readonly number[]): Trace {
  return axis(`${text} (µs)`, { type: "log", ...decadeTicks(valuesUs), range: padded(...extent(valuesUs)) });
}

/**
 * Ticks of a logarithmic scale: powers of ten, with 2 and 5 or more between them where there are few.
 *
 * @param values The values on it, all above 0.
 * @returns `tickvals` and `ticktext`.
 */
export function decadeTicks(values: readonly number[]): { tickvals: number[]; ticktext: string[] } {
  const [low, high] = extent(values);
  const ratio = high / low;
  const steps = ratio > 1e5 ? [1] : ratio > 300 ? [1, 3] : ratio > 8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) ticks.push(step * 10 ** power);
  }
  const shown = ticks.filter((tick) => tick > low * 0.93 && tick < high * 1.07);
  return { tickvals: shown, ticktext: shown.map(tickText) };
}

/**
 * An axis whose values stand side by side at even distances, such as those of a geometric grid.
 *
 * @param text What it shows.
 * @param values The values in their order.
 * @returns plotly's axis; a trace's positions on it are the indexes of the values.
 */
export function gridAxis(text: string, values: readonly number[]): Trace {
  const every = Math.ceil(values.length / 18);
  const shown = values.map((_, index) => index).filter((index) => index % every === 0);
  return axis(text, {
    tickvals: shown,
    ticktext: shown.map((index) => formatCount(values[index]!)),
    showgrid: false,
    range: [-0.5, values.length - 0.5],
  });
}

/**
 * Smallest and largest of some values; `Math.min` itself takes only so many.
 *
 * @param values The values.
 * @returns The two; 1 and 10 without values, so that an axis can be drawn.
 */
export function extent(values: readonly number[]): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [1, 10];
}
