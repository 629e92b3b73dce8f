/**
 * Numbers in the words of titles and labels.
 *
 * @module
 */
import { formatCount } from "../count_text.ts";

/**
 * A time with three significant digits and the unit that suits it.
 *
 * @param us Time in microseconds.
 * @returns Such as `8.13 µs`, `940 µs` or `1.25 ms`.
 *
 * @example
 * ```ts
 * import { formatUs } from "./text.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([8.1302, 940.4, 1250].map(formatUs), ["8.13 µs", "940 µs", "1.25 ms"]);
 * ```
 */
export function formatUs(us: number): string {
  if (us < 999.5) return `${significant(us)} µs`;
  return us < 999_500 ? `${significant(us / 1000)} ms` : `${significant(us / 1e6)} s`;
}

/**
 * A number with three significant digits.
 *
 * @param value The number.
 * @returns Such as `0.0312`, `8.13` or `1,234`.
 */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 99.95) return formatCount(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/**
 * A number at a tick of an axis.
 *
 * @param value The number.
 * @returns Such as `0.5`, `20` or `10k`.
 */
export function tickText(value: number): string {
  return value < 10_000 ? significant(value) : `${significant(value / 1000)}k`;
}

/**
 * A share as a percentage.
 *
 * @param share The share, 1 for all.
 * @returns Such as `3.1%` or `42%`.
 */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.05) return "<0.1%";
  return `${Math.abs(percent) < 9.95 ? Number(percent.toFixed(1)) : formatCount(Math.round(percent))}%`;
}

/**
 * Regimes of skew.csv in the words of `docs/terms.md`.
 *
 * @param regime `pure` or `mixed`.
 * @returns The words; any other regime as it is.
 */
export function regimeText(regime: string): string {
  return regime === "pure" ? "decodes alone" : regime === "mixed" ? "with a prefill" : regime;
}

/**
 * What a figure of simulated servers says of its error.
 *
 * @param share The held-out error of the steps; null where none were served.
 * @param drawn How it is drawn, such as `band`.
 * @returns The words.
 */
export function heldOutText(share: number | null, drawn: string): string {
  return share === null
    ? "no held-out error: steps were not measured"
    : `${drawn}: ±${formatShare(share)}, the steps' held-out error (90% of windows of 25)`;
}
