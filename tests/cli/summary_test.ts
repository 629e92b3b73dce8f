import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { summarize } from "../../src/cli/summary.ts";
import type { Category } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";

const META = { model: "org/name", hardware: "H100", quantity: "kernel" } as const;
const TOKENS = [1, 2, 3, 4, 12, 16, 32, 64, 160];

function rows(layer: string | null, times: readonly (readonly [readonly number[], number])[]): Row[] {
  return times.map(([key, timeUs]) => ({ layer, key, timeUs }));
}

function bundle(
  tables: Partial<Record<Category, readonly Row[]>>,
  tps = [1],
  skew: readonly SkewRow[] = [],
): Parameters<typeof summarize>[0] {
  return {
    meta: META,
    tps,
    table: (tp, category) => tp === 1 ? tables[category] ?? [] : [],
    skew: () => skew,
  };
}

Deno.test("summarize: layers by a few tokens and sequences, the powers of four and the largest", () => {
  const dense = ["embedding", "qkv_proj"].flatMap((layer, i) =>
    rows(layer, TOKENS.map((tokens) => [[tokens], (i + 1) * 1.2345 * tokens]))
  );
  const sequences = [
    ...rows("lm_head", [[[1], 90], [[2], 99.96], [[4], 1234.5]]),
    ...rows("sampler", [[[1], 7]]),
  ];
  const attention = rows(null, [
    ...[16, 64, 160].map((chunk) => [[chunk, 0, 0, 0], chunk / 8] as const),
    [[16, 64, 0, 0], 999],
    ...[1, 4].flatMap((n) => [[[0, 0, n, 16], 999], [[0, 0, n, 1024], 20 * n]] as const),
    [[16, 0, 4, 4096], 999],
  ]);
  const moe = rows(null, [[[1, 2], 999], [[16, 2], 999], [[1, 8], 100], [[16, 8], 130]]);
  assert.equal(
    summarize(bundle({ dense, per_sequence: sequences, attention, moe }, [1, 2])),
    `org/name on H100, tp 1 (of 1, 2), microseconds (quantity kernel)

tokens                       1     4    16    64   160
embedding                 1.23  4.94  19.8  79.0   198
qkv_proj                  2.47  9.88  39.5   158   395
attention, prefill alone     -     -  2.00  8.00  20.0
moe, 8 experts             100     -   130     -     -

sequences              1     4
lm_head             90.0  1235
sampler             7.00     -
attention, kv 1024  20.0  80.0
`,
  );
});

Deno.test("summarize: tables and lines without rows are left out", () => {
  assert.equal(
    summarize(bundle({ dense: rows("qkv_proj", TOKENS.map((tokens) => [[tokens], tokens])) })),
    `org/name on H100, tp 1, microseconds (quantity kernel)

tokens       1     4    16    64  160
qkv_proj  1.00  4.00  16.0  64.0  160
`,
  );
  assert.equal(summarize(bundle({}, [])), "It has no tables.\n");
});

Deno.test("summarize: skew cases are counted, and their alphas told where they are defined", () => {
  const row = { ...skewCaseOf([4, 1, 0, 0, 128, 512]), t_mean_us: 1, t_max_us: 2, t_skew_us: 1 };
  const skew = [null, ...Array.from({ length: 10 }, (_, i) => (9 - i) / 10)].map((alpha) => ({
    ...row,
    alpha,
  }));
  const dense = rows("qkv_proj", [[[1], 1]]);
  assert.match(
    summarize(bundle({ dense }, [1], skew)),
    /\n\nskew: 11 cases, alpha 0\.10 \/ 0\.50 \/ 0\.90 \(10%, half, 90% of them below\)\n$/,
  );
  const one = bundle({ dense }, [1], skew);
  const kept = { ...one, meta: { ...one.meta, skew_fit: { enabled: false, kept: "why" } } };
  assert.match(
    summarize(kept),
    /below\)\nNo simulator corrects by the alphas yet: shotlab fit --simulator august or v1\.2 turns them on\n$/,
  );
  assert.doesNotMatch(summarize(bundle({ dense }, [1], [{ ...row, alpha: null }])), /skew/);
});

Deno.test("summarize: layers with a recurrent state, prefills and decodes apart", () => {
  const linear_attention = rows("ssm", [[[16, 0], 8], [[64, 0], 20], [[0, 1], 2], [[0, 4], 3], [
    [16, 4],
    999,
  ]]);
  assert.equal(
    summarize(bundle({ linear_attention })),
    `org/name on H100, tp 1, microseconds (quantity kernel)

tokens                16    64
ssm, prefill alone  8.00  20.0

sequences              1     4
ssm, decodes alone  2.00  3.00
`,
  );
});

Deno.test("summarize: decodes of the longest KV length alone, in whatever order rows come; times in three digits", () => {
  const attention = rows(null, [
    [[0, 0, 1, 1024], 99.94],
    [[0, 0, 1, 16], 999],
    [[0, 0, 4, 1024], 99.95],
    [[0, 0, 4, 16], 999],
    [[0, 0, 16, 1024], 150.4],
    [[16, 0, 16, 1024], 999],
    [[0, 0, 16, 16], 999],
  ]);
  assert.equal(
    summarize(bundle({ attention })),
    `org/name on H100, tp 1, microseconds (quantity kernel)

sequences              1    4   16
attention, kv 1024  99.9  100  150
`,
  );
});

Deno.test("summarize: quantiles of alphas are those of the case below", () => {
  const row = { ...skewCaseOf([4, 1, 0, 0, 128, 512]), t_mean_us: 1, t_max_us: 2, t_skew_us: 1 };
  const skew = Array.from({ length: 9 }, (_, i) => ({ ...row, alpha: i / 10 }));
  assert.match(
    summarize(bundle({ dense: rows("qkv_proj", [[[1], 1]]) }, [1], skew)),
    /\nskew: 9 cases, alpha 0\.00 \/ 0\.40 \/ 0\.80 /,
  );
});
