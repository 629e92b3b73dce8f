/**
 * A section of the benchmarks that comes from files of evidence.
 *
 * @module
 */
import type { EvidenceFile, Kind } from "../evidence.ts";
import { percents } from "../markdown.ts";

/** A section. */
export interface Section {
  /** The files that it is made from; without one it is left out. */
  readonly kind: Kind;
  /** Its title. */
  readonly title: string;
  /** What was measured. */
  readonly text: string;
  /** What came of it. */
  readonly body: (files: readonly EvidenceFile[]) => string;
}

/** Figures of how far things are apart, as shares; absent where there is nothing to compare. */
type Apart = { readonly [figure in "signed_p50" | "p50" | "p90" | "p99"]?: number | undefined };

/**
 * Says what a file was measured with.
 *
 * @param file The file.
 * @returns Hardware and model, the organisation left out.
 */
export function nameOf({ hardware, model }: { readonly hardware: string; readonly model: string }): string {
  return `${hardware} ${model.split("/").at(-1)}`;
}

/**
 * Writes a share with its sign.
 *
 * @param share The share, 1 for all.
 * @returns The percentage, such as `+0.56`.
 */
export function signed(share: number): string {
  return `${share < 0 ? "" : "+"}${percents(share)}`;
}

/**
 * Writes how far things are apart.
 *
 * @param figures The figures.
 * @returns Percentiles of the sizes in percent, the signed median in brackets; `-` without figures.
 */
export function apartText({ signed_p50, p50, p90, p99 }: Apart): string {
  return signed_p50 === undefined ? "-" : `${percents(p50, p90, p99)} (${signed(signed_p50)})`;
}

/**
 * Marks a text as code.
 *
 * @param text The text.
 * @returns Markdown.
 */
export function code(text: string): string {
  return `\`${text}\``;
}
