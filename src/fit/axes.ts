/**
 * The bucket axes of a fit, from the cases that it is made on.
 *
 * @module
 */
import type { BucketAxes } from "../bundle/meta_blocks.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { PC_REMARK, SKEW_RATE_AXIS } from "../predict/bucket.ts";
import { distinct } from "../stats.ts";

const LAST_N = 1_000_000;
const LAST_TOKENS = 1_000_000_000;
/** First edge of the longest KV length, and the ratio of the next ones. */
const KV_EDGE = 1024;
const KV_RATIO = 4;
/** Edge of the prefills' history when no prefill has one. */
const KP_EDGE = 2048;

/**
 * Derives the axes: each n, four-fold steps of the longest KV length, each history of a prefill.
 *
 * @param cases The cases that count, at least one.
 * @returns The axes, as meta.yaml holds them.
 */
export function bucketAxes(cases: readonly Pick<SkewRow, "n" | "kv_big" | "kp">[]): BucketAxes {
  const n = distinct(cases.map((row) => row.n));
  const kv = kvEdges(cases.reduce((longest, { kv_big }) => Math.max(longest, kv_big), 0));
  const histories = distinct(cases.map(({ kp }) => kp)).filter((kp) => kp > 0);
  const kp = histories.length > 0 ? histories : [KP_EDGE];
  return {
    pc: PC_REMARK,
    n_bins: [0, ...n, LAST_N],
    n_labels: [...n.map((edge) => `n<=${edge}`), `n>${n.at(-1)}`],
    ...SKEW_RATE_AXIS,
    kv_big_bins: [0, ...kv, LAST_TOKENS],
    kv_big_labels: labels("kvB", kv),
    kp_bins: [-1, 0, ...kp, LAST_TOKENS],
    kp_labels: ["kp=0", ...labels("kp", kp)],
  };
}

/**
 * The skew rate of a case.
 *
 * @param row The case.
 * @returns (kv_mean - kvs) / (kv_big - kvs), from 0 to 1.
 */
export function skewRate({ kv_mean, kvs, kv_big }: Pick<SkewRow, "kv_mean" | "kvs" | "kv_big">): number {
  return Math.min(1, Math.max(0, (kv_mean - kvs) / Math.max(kv_big - kvs, 1)));
}

function kvEdges(longest: number): number[] {
  const edges = [KV_EDGE];
  while (edges.at(-1)! * KV_RATIO <= longest) edges.push(edges.at(-1)! * KV_RATIO);
  return longest > edges.at(-1)! ? [...edges, longest] : edges;
}

function labels(name: string, edges: readonly number[]): string[] {
  const texts = edges.map((edge) => edge % 1024 === 0 ? `${edge / 1024}k` : `${edge}`);
  return [...texts.map((text) => `${name}<=${text}`), `${name}>${texts.at(-1)}`];
}
