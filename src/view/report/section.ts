/**
 * What a report is made of.
 *
 * @module
 */
import type { Figure } from "../figure.ts";
import type { Tabular } from "../table.ts";

/** A part of a report: a heading, sentences, tables and figures. */
export interface Section {
  /** The heading. */
  readonly heading: string;
  /** Sentences below it. @default none */
  readonly text?: string;
  /** Tables. @default none */
  readonly tables?: readonly Tabular[];
  /** Figures. @default none */
  readonly figures?: readonly Figure[];
}
