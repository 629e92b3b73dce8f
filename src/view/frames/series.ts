/**
 * Columns of data frames, each with an explicit type: polars guesses types from the first values, and wrongly.
 *
 * @module
 */
import pl from "nodejs-polars";

/**
 * A column of counts, 64-bit integers.
 *
 * @param name The column's name.
 * @param values Whole numbers, exact up to 2^53.
 * @returns The column.
 */
export function counts(name: string, values: Float64Array): pl.Series {
  return pl.Series(name, values).cast(pl.Int64);
}

/**
 * A column of numbers, 64-bit floats.
 *
 * @param name The column's name.
 * @param values The numbers, or an array with nulls where there are none.
 * @returns The column.
 */
export function floats(name: string, values: Float64Array | readonly (number | null)[]): pl.Series {
  return values instanceof Float64Array ? pl.Series(name, values) : pl.Series(name, [...values], pl.Float64);
}

/**
 * A column of texts.
 *
 * @param name The column's name.
 * @param values The texts, null where there is none.
 * @returns The column.
 */
export function texts(name: string, values: readonly (string | null)[]): pl.Series {
  return pl.Series(name, [...values], pl.Utf8);
}
