/**
 * The error of a question that a bundle cannot answer.
 *
 * @module
 */
import type { KernelTable } from "../bundle/whole_table.ts";

/** What a {@linkcode LookupError} is about. */
export interface LookupErrorDetails {
  /** Tensor-parallel degree that was asked for. */
  readonly tp: number;
  /** The table that has no answer. */
  readonly category: KernelTable;
  /** The layer that was asked for, for the tables that hold several. */
  readonly layer?: string;
}

/** A time that a bundle does not hold: no such degree, table or layer. A simulator fails or skips the layer here. */
export class LookupError extends Error {
  /** The class's name. */
  override name = "LookupError";
  /** What was asked for. */
  readonly details: LookupErrorDetails;

  /**
   * Makes the error.
   *
   * @param message What was tried and what is missing.
   * @param details What was asked for.
   */
  constructor(message: string, details: LookupErrorDetails) {
    super(message);
    this.details = details;
  }
}
