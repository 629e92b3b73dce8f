/** A bundle in memory, for tests of what is drawn. */
import type { Bundle } from "../../src/bundle/open.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import type { Category } from "../../src/shots/shot.ts";

/** What the figures of tests are about. */
export const SUBJECT = { hardware: "H100", model: "o/Small-1B", tp: 1, quantity: "kernel" } as const;

/** A skew case. */
export const CASE: SkewRow = {
  regime: "mixed",
  n: 4,
  nb: 1,
  ratio: 0.25,
  skew: 4,
  pc: 16,
  kp: 0,
  kvs: 16,
  kv_big: 64,
  kv_mean: 28,
  t_mean_us: 10,
  t_max_us: 20,
  t_skew_us: 15,
  alpha: 0.5,
};

const TABLES: Readonly<Record<Category, readonly Row[]>> = {
  dense: [1, 16, 64].flatMap((tokens) => [
    { layer: "o_proj", key: [tokens], timeUs: 5 + tokens / 10 },
    { layer: "qkv_proj", key: [tokens], timeUs: 8 + tokens / 10 },
  ]),
  per_sequence: [1, 4].map((sequences) => ({ layer: "sampler", key: [sequences], timeUs: 3 + sequences })),
  attention: [0, 16].flatMap((chunk) =>
    [0, 1, 4].flatMap((n) =>
      (n === 0 ? [0] : [16, 64]).filter(() => chunk + n > 0).map((kv) => ({
        layer: null,
        key: [chunk, 0, n, kv],
        timeUs: 5 + chunk / 8 + n * kv / 32,
      }))
    )
  ),
  linear_attention: [],
  moe: [[1, 8], [64, 8], [64, 64]].map((key) => ({ layer: null, key, timeUs: 20 + key[1]! })),
};

/** The bundle; at tp 2 everything takes 0.6 of the time. */
export const SMALL: Bundle = {
  dir: "perf/H100/o/Small-1B/bf16",
  meta: { hardware: "H100", model: "o/Small-1B", variant: "bf16", quantity: "kernel" },
  tps: [1, 2],
  issues: [],
  table: (tp, category) =>
    tp === 1 ? TABLES[category] : TABLES[category].map((row) => ({ ...row, timeUs: row.timeUs * 0.6 })),
  skew: (tp) => tp === 1 ? [CASE, { ...CASE, regime: "pure", pc: 0, alpha: null }] : [],
  skewFit: () => [],
  estimated: () => [],
};
