/**
 * Error figures of batches with and without a prefill.
 *
 * @module
 */
import { type ErrorFigures, errorFigures } from "./errors.ts";

/** Error figures of all cases, and of those without and with a prefill; a kind without cases is absent. */
export interface RegimeErrors {
  /** All cases. */
  readonly all?: ErrorFigures;
  /** Decodes only. */
  readonly pure?: ErrorFigures;
  /** Decodes with a prefill. */
  readonly mixed?: ErrorFigures;
}

/**
 * Reduces errors to figures by kind of batch.
 *
 * @param pc New tokens of the prefill of each case.
 * @param errors Signed relative error of each case, NaN where there is none.
 * @returns The figures.
 */
export function regimeErrors(pc: Float64Array, errors: Float64Array): RegimeErrors {
  const all = errorFigures(errors.filter((error) => !Number.isNaN(error)));
  const pure = errorFigures(errors.filter((error, i) => pc[i] === 0 && !Number.isNaN(error)));
  const mixed = errorFigures(errors.filter((error, i) => pc[i] !== 0 && !Number.isNaN(error)));
  return { ...(all && { all }), ...(pure && { pure }), ...(mixed && { mixed }) };
}
