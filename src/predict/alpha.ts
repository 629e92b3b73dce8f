/**
 * The alpha of a batch: its bucket's, or what stands in for it.
 *
 * @module
 */
import type { SkewFit } from "../bundle/meta_blocks.ts";
import { parseBucketKey, type SkewFitRow } from "../bundle/skew_fit.ts";
import {
  bucketLabels,
  bucketNumber,
  type BucketNumbering,
  bucketOfRow,
  DEFAULT_BUCKET_AXES,
  numberBuckets,
} from "./bucket.ts";

/** Where an alpha comes from: the bucket, the degree's default, the block's default, or nowhere (0). */
export type AlphaSource = "bucket" | "tp_default" | "block_default" | "none";

/** The alphas of one tensor-parallel degree. */
export interface AlphaTable {
  /** How buckets are numbered, pc apart. */
  readonly numbering: BucketNumbering;
  /** Position of each pc that has buckets. */
  readonly positions: ReadonlyMap<number, number>;
  /** Alphas by position of pc * numbering.count + bucket. */
  readonly alphas: ReadonlyMap<number, number>;
  /** Alpha of a batch without a bucket. */
  readonly fallback: number;
  /** Where that comes from. */
  readonly fallbackSource: Exclude<AlphaSource, "bucket">;
}

/**
 * Arranges the fit of one tensor-parallel degree for lookups. Buckets in the entry itself stand in place of the table.
 *
 * @param fit meta.yaml's skew_fit block; absent or not enabled, every alpha is 0.
 * @param tp The tensor-parallel degree.
 * @param rows The rows of the degree's skew_fit.csv.
 * @returns The table.
 */
export function makeAlphaTable(
  fit: SkewFit | undefined,
  tp: number,
  rows: readonly SkewFitRow[],
): AlphaTable {
  const entry = fit?.enabled ? fit.per_tp?.[tp] : undefined;
  const numbering = numberBuckets(entry?.bucket_axes ?? fit?.bucket_axes ?? DEFAULT_BUCKET_AXES);
  const positions = new Map<number, number>();
  const alphas = new Map<number, number>();
  const add = (row: Omit<SkewFitRow, "n_samples">): void => {
    const bucket = bucketOfRow(numbering, row);
    if (bucket === undefined) return;
    const position = positions.get(row.pc) ?? positions.size;
    positions.set(row.pc, position);
    alphas.set(position * numbering.count + bucket, row.alpha);
  };
  const inline = Object.entries(entry?.["alpha_by_bucket"] ?? {});
  if (inline.length === 0 && entry?.bucket_table !== undefined) rows.forEach(add);
  for (const [key, alpha] of inline) {
    const bucket = parseBucketKey(key);
    if (bucket !== null) add({ ...bucket, alpha: Number(alpha) });
  }
  return { numbering, positions, alphas, ...fallbackOf(fit, tp) };
}

function fallbackOf(
  fit: SkewFit | undefined,
  tp: number,
): Pick<AlphaTable, "fallback" | "fallbackSource"> {
  if (!fit?.enabled) return { fallback: 0, fallbackSource: "none" };
  const entry = fit.per_tp?.[tp];
  const [value, fallbackSource] = entry === undefined
    ? [fit.alpha_default, "block_default"] as const
    : [entry.alpha_default, "tp_default"] as const;
  return value === undefined ? { fallback: 0, fallbackSource: "none" } : { fallback: value, fallbackSource };
}

/**
 * The alpha of a batch.
 *
 * @param table The table.
 * @param pc New tokens of all prefills.
 * @param n Decodes.
 * @param skewRate Skew rate, from 0 to 1.
 * @param kvBig Longest KV length of a decode in tokens.
 * @param kp History of all prefills in tokens.
 * @returns The bucket's alpha, undefined without a bucket: then the table's fallback counts.
 */
export function bucketAlpha(
  table: AlphaTable,
  pc: number,
  n: number,
  skewRate: number,
  kvBig: number,
  kp: number,
): number | undefined {
  const position = table.positions.get(pc);
  if (position === undefined) return undefined;
  const { numbering } = table;
  return table.alphas.get(position * numbering.count + bucketNumber(numbering, n, skewRate, kvBig, kp));
}

/**
 * The key of a batch's bucket as the simulator writes it.
 *
 * @param numbering How buckets are numbered.
 * @param pc New tokens of all prefills.
 * @param n Decodes.
 * @param skewRate Skew rate, from 0 to 1.
 * @param kvBig Longest KV length of a decode in tokens.
 * @param kp History of all prefills in tokens.
 * @returns The key, such as `pc=16|n<=4|sr<=40%|kvB<=1k|kp=0`.
 */
export function bucketKey(
  numbering: BucketNumbering,
  pc: number,
  n: number,
  skewRate: number,
  kvBig: number,
  kp: number,
): string {
  const labels = bucketLabels(numbering, bucketNumber(numbering, n, skewRate, kvBig, kp));
  return `pc=${pc}|${labels.n_label}|${labels.skew_rate_label}|${labels.kv_big_label}|${labels.kp_label}`;
}
