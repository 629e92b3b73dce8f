/**
 * How far two measurements of the same things lie apart, in the figures that files of evidence hold.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { roundDecimals } from "../../src/number_format.ts";
import { quantile } from "../../src/stats.ts";

/** Relative differences as shares: the median with its sign, and percentiles of their sizes. */
export interface Apart {
  /** Median of the signed differences. */
  readonly signed_p50: number;
  /** Median of their sizes. */
  readonly p50: number;
  /** The size that 90% stay within. */
  readonly p90: number;
  /** The size that 99% stay within. */
  readonly p99: number;
}

/**
 * Reduces relative differences to figures of five decimals.
 *
 * @param differences Signed shares, one at least.
 * @returns The figures.
 */
export function apart(differences: readonly number[]): Apart {
  const signed = Float64Array.from(differences).sort();
  const sizes = Float64Array.from(differences, Math.abs).sort();
  const at = (sorted: Float64Array, q: number): number => roundDecimals(quantile(sorted, q), 5);
  return { signed_p50: at(signed, 0.5), p50: at(sizes, 0.5), p90: at(sizes, 0.9), p99: at(sizes, 0.99) };
}

/**
 * Shares in words.
 *
 * @param figures The figures.
 * @returns Percentiles in percent, the signed median in brackets.
 */
export function apartText({ signed_p50, p50, p90, p99 }: Apart): string {
  const percent = (share: number): string => (100 * share).toFixed(2);
  const sign = signed_p50 < 0 ? "" : "+";
  return `${percent(p50)} / ${percent(p90)} / ${percent(p99)}% (${sign}${percent(signed_p50)})`;
}

/**
 * Where a model's evidence is published.
 *
 * @param kind What it shows.
 * @param model The model.
 * @returns The file.
 */
export function evidencePath(kind: string, model: string): string {
  return fileURLToPath(
    new URL(`../../perf/evidence/${kind}-${model.split("/").at(-1)}.json`, import.meta.url),
  );
}

/**
 * Writes a file of evidence.
 *
 * @param path The file.
 * @param evidence What was found.
 */
export async function writeEvidence(path: string, evidence: object): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(evidence, null, 1) + "\n");
}
