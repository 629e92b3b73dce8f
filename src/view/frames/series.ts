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
 * @param rows The rows.
 * @param value What the column has of a row: a whole number, exact up to 2^53.
 * @returns The column.
 */
export function counts<T>(name: string, rows: readonly T[], value: (row: T) => number): pl.Series {
  return floats(name, rows, value).cast(pl.Int64);
}

/**
 * A column of numbers, 64-bit floats.
 *
 * @param name The column's name.
 * @param rows The rows.
 * @param value What the column has of a row.
 * @returns The column.
 */
export function floats<T>(
  name: string,
  rows: readonly T[],
  value: (row: T, index: number) => number,
): pl.Series {
  // Not Float64Array.from: it makes a list of the rows first, which takes four times as long as this.
  const values = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = value(rows[i]!, i);
  return pl.Series(name, values);
}

/**
 * A column of numbers, 64-bit floats, that lacks some.
 *
 * @param name The column's name.
 * @param values The numbers, null where there is none.
 * @returns The column.
 */
export function optionalFloats(name: string, values: readonly (number | null)[]): pl.Series {
  return pl.Series(name, [...values], pl.Float64);
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

/**
 * A column of truth values.
 *
 * @param name The column's name.
 * @param values The values.
 * @returns The column.
 */
export function flags(name: string, values: readonly boolean[]): pl.Series {
  return pl.Series(name, [...values], pl.Bool);
}
