/**
 * Skew cases sorted into buckets.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import { bucketNumber, type BucketNumbering } from "../predict/bucket.ts";
import { skewRate } from "./axes.ts";

/** Cases and the buckets that they fall into; the arrays run along the cases. */
export interface PlacedCases {
  /** How buckets are numbered, pc apart. */
  readonly numbering: BucketNumbering;
  /** New tokens of the prefill. */
  readonly pc: Float64Array;
  /** Number of the bucket. */
  readonly bucket: Int32Array;
}

/**
 * Sorts cases into buckets.
 *
 * @param rows The cases.
 * @param numbering How buckets are numbered.
 * @returns The placed cases.
 */
export function placeCases(rows: readonly SkewRow[], numbering: BucketNumbering): PlacedCases {
  return {
    numbering,
    pc: Float64Array.from(rows, ({ pc }) => pc),
    bucket: Int32Array.from(
      rows,
      (row) => bucketNumber(numbering, row.n, skewRate(row), row.kv_big, row.kp),
    ),
  };
}
