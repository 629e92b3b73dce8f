/** What meta.yaml says against what the tables have, from parts made by hand. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { LazyTables } from "../../src/bundle/lazy_tables.ts";
import type { AdaptiveEntry, Meta } from "../../src/bundle/meta.ts";
import { checkCounts } from "../../src/check/checks/counts.ts";
import { checkEstimated } from "../../src/check/checks/estimated.ts";
import { checkSkewFit } from "../../src/check/checks/skew_fit.ts";
import { plural } from "../../src/count_text.ts";

interface Parts {
  /** Keys of the attention rows, those beside August's with a split, and those that are listed as predicted. */
  readonly attention?: readonly (readonly number[])[];
  readonly others?: readonly (readonly number[])[];
  readonly listed?: readonly (readonly number[])[];
  /** Tokens of dense.csv, alphas of skew.csv, rows of skew_fit.csv. */
  readonly dense?: readonly number[];
  readonly alphas?: readonly (number | null)[];
  readonly fitRows?: number;
  /** Batches that skew.csv lists request by request. */
  readonly requests?: number;
}
const FILES = {
  dir: "/b",
  tps: [1],
  tables: new Map([[1, { dense: "", skew_fit: "x" }]]),
} as unknown as BundleFiles;
function tablesOf(
  { attention = [], others = [], listed = [], dense = [], alphas = [], fitRows = 0, requests }: Parts,
): LazyTables {
  const rows = (keys: readonly (readonly number[])[]): object[] =>
    keys.map((key) => ({ layer: null, key, timeUs: 5 }));
  return {
    table: (_: number, table: string) => ({
      rows: table === "attention"
        ? rows(attention)
        : table === "dense"
        ? rows(dense.map((size) => [size]))
        : [],
      others: table === "attention"
        ? others.map((key) => ({ layer: "attention", split: 4, key, timeUs: 5 }))
        : [],
      issues: [],
    }),
    skew: () => ({ rows: alphas.map((alpha) => ({ alpha, n: 2, t_max_us: 5 })), issues: [] }),
    skewShapes: () => ({ rows: Array.from({ length: requests ?? 99 }), issues: [] }),
    skewFit: () => ({ rows: Array.from({ length: fitRows }), issues: [] }),
    estimated: () => ({ rows: listed.map((key) => ({ key, expectedError: 0.1 })), issues: [] }),
  } as unknown as LazyTables;
}
const lines = (issues: ReturnType<typeof checkCounts>): string[] =>
  issues.map((issue) => renderIssue(issue).replaceAll("/b/", ""));

const [ONE, TWO] = [[0, 0, 1, 16], [0, 0, 2, 16]];
const ENTRY: AdaptiveEntry = {
  estimated: 1,
  held_out: 40,
  rel_err_p50: 0.01,
  rel_err_p90: 0.05,
  rel_err_p99: 0.1,
  upper_p50: 0.02,
  upper_p90: 0.08,
  upper_p99: null,
};
const predicted = "warning: tp1/attention.csv: 1 of 2 rows are predictions, which estimated.csv lists";
const within = "; by 40 unseen shots 90% of all are within 5.0%";
const column = "meta.yaml, key adaptive.per_tp.1.attention.estimated";
const lists: [string, Parts, { attention?: AdaptiveEntry; skew?: AdaptiveEntry }, string[]][] = [
  ["nothing", { attention: [ONE, TWO] }, {}, []],
  ["a row, with what it is worth", { attention: [ONE, TWO], listed: [ONE] }, { attention: ENTRY }, [
    `${predicted}${within}, with 95% confidence 8.0%`,
  ]],
  ["a row, with a bound that nobody knows", { attention: [ONE, TWO], listed: [ONE] }, {
    attention: { ...ENTRY, upper_p90: null },
  }, [
    `${predicted}${within}`,
  ]],
  ["a row of which no error is known", { attention: [ONE, TWO], listed: [ONE] }, {
    attention: { ...ENTRY, rel_err_p90: null },
  }, [predicted]],
  ["a row of which meta.yaml says nothing", { attention: [ONE, TWO], listed: [ONE] }, {}, [predicted]],
  ["a key that has no row", { attention: [ONE], listed: [TWO] }, {}, [
    "warning: tp1/estimated.csv: The list names keys that attention.csv does not have; found 1 of 1 key, the first 0,0,2,16",
  ]],
  ["fewer than meta.yaml counts", { attention: [ONE, TWO] }, { attention: ENTRY }, [
    `error: ${column}: The list of predicted rows lacks some, so that these pass for measured; expected 0, found 1`,
  ]],
  ["more than meta.yaml counts", { attention: [ONE, TWO], listed: [ONE] }, {
    attention: { ...ENTRY, estimated: 0, rel_err_p90: null },
  }, [
    predicted,
    `warning: ${column}: The list of predicted rows has others beside; expected 1, found 0`,
  ]],
  ["skew cases", { alphas: [0.5, null] }, { skew: { ...ENTRY, estimated: 3 } }, [
    "warning: tp1/skew.csv: 2 of 5 cases were measured, the others predicted for the fit of alphas" +
    `${within}, with 95% confidence 8.0%`,
  ]],
];
for (const [what, parts, entries, expected] of lists) {
  Deno.test(`the list of predictions names ${what}`, () => {
    const meta = { adaptive: { seed: 1, per_tp: { 1: entries } } };
    assert.deepEqual(lines(checkEstimated(FILES, tablesOf(parts), meta)), expected);
  });
}

const differs = (found: number, expected: number): string =>
  "warning: meta.yaml, key skew_fit.per_tp.1.n_samples: The fit was made on another number of cases than skew.csv has " +
  `with an alpha; expected ${expected}, found ${found}`;
const resampled = (found: number, expected: number, samples: number): string =>
  "warning: meta.yaml, key samples.attention: Rows are missing, or shots were measured more than once: the tables have " +
  `rows of fewer shots than the samples are of; expected ${plural(expected, "shot")}, of ${
    plural(samples, "sample")
  } each, found ${plural(found, "shot")}`;
const fit = (entry: Record<string, unknown>): Meta => ({ skew_fit: { per_tp: { 1: entry } } });
const counts: [string, Parts, Meta, string[]][] = [
  ["a fit of the cases with an alpha", { alphas: [0.5, null, 0] }, fit({ n_samples: 2 }), []],
  ["a fit of all cases", { alphas: [0.5, null, 0] }, fit({ n_samples: 3 }), [differs(3, 2)]],
  ["a fit of predicted ones besides", { alphas: [0.5] }, fit({ n_samples: 3, n_estimated: 2 }), []],
  ["a fit for v1.2, which counts otherwise", { alphas: [0.5] }, fit({ n_samples: 3, schema: "x" }), []],
  ["a fit without cases", { alphas: [] }, fit({ n_samples: 3 }), []],
  ["shots of one sample too many", { attention: [ONE, TWO] }, {
    measurement_iterations: 3,
    samples: { attention: 8 },
  }, []],
  ["shots of three samples too many", { attention: [ONE, TWO] }, {
    measurement_iterations: 3,
    samples: { attention: 9 },
  }, [
    resampled(2, 3, 3),
  ]],
  ["shots of which some are predicted", { attention: [ONE, TWO], listed: [ONE] }, {
    measurement_iterations: 1,
    samples: { attention: 2 },
  }, [
    resampled(1, 2, 1),
  ]],
  ["rows of one shot in two layers, and another number of tokens", { attention: [ONE, ONE], others: [ONE] }, {
    measurement_iterations: 1,
    samples: { attention: 2 },
  }, []],
  ["rows of several new tokens a decode alone", { others: [ONE, TWO] }, { samples: { attention: 9 } }, []],
  ["samples of no row", {}, { samples: { attention: 9 } }, [
    "warning: meta.yaml, key samples.attention: Samples were taken, but no table has rows of them; expected 0, found 9",
  ]],
  ["a skew profile with cases", { alphas: [0.5] }, { skew_profile: { enabled: true } }, []],
  ["a skew profile with batches that are listed", { requests: 2 }, { skew_profile: { enabled: true } }, []],
  ["no skew profile, and none", { alphas: [] }, { skew_profile: { enabled: false } }, []],
  ["a skew profile without cases", { alphas: [] }, { skew_profile: { enabled: true } }, [
    "warning: meta.yaml, key skew_profile.enabled: tp1/skew.csv has no rows; expected false, found true",
  ]],
  ["a skew profile without listed batches", { requests: 0 }, { skew_profile: { enabled: true } }, [
    "warning: meta.yaml, key skew_profile.enabled: tp1/skew.csv has no rows; expected false, found true",
  ]],
  ["listed batches without a skew profile", { requests: 1 }, { skew_profile: { enabled: false } }, [
    "warning: meta.yaml, key skew_profile.enabled: tp1/skew.csv has rows all the same; expected true, found false",
  ]],
  ["listed batches as many as samples", { requests: 2 }, {
    measurement_iterations: 3,
    samples: { skew: 6 },
  }, []],
  [
    "listed batches fewer than samples",
    { requests: 2 },
    { measurement_iterations: 3, samples: { skew: 9 } },
    [
      resampled(2, 3, 3).replace("attention", "skew"),
    ],
  ],
  ["exact cases, of three times each", { alphas: [0.5, 0.5] }, {
    ...{ measurement_iterations: 2, samples: { skew: 18 } },
    skew_profile: { enabled: true, mode: "exact" },
  }, [
    resampled(2, 3, 6).replace("attention", "skew"),
  ]],
  ["rows of several kinds that are counted", { attention: [ONE] }, {
    ...{ measurement_iterations: 1, samples: { attention: 9 }, rows: {} },
  }, []],
  ["samples without iterations", { attention: [ONE] }, { samples: { attention: 9 } }, []],
  ["layers that launched other kernels", {}, { noise: { other_kernels: ["a", "b"] } }, [
    "warning: meta.yaml, key noise.other_kernels: Layers launched other kernels in a later session than before: their " +
    "rows may not belong together; expected none, found a, b",
  ]],
  ["a budget that the last row reaches", { dense: [8, 4] }, {
    engine_effective: { max_num_batched_tokens: 8 },
  }, []],
  ["a budget that it does not", { dense: [8, 4] }, { engine_effective: { max_num_batched_tokens: 9 } }, [
    "warning: tp1/dense.csv, key tokens: The table ends before engine_effective.max_num_batched_tokens; lookups beyond " +
    "are extrapolated; expected 9, found 8",
  ]],
  ["rows of a folder that is no degree's", {}, { rows: { tpx: { dense: 3 } } }, []],
  ["rows of a table that is not counted", { dense: [8] }, { rows: { tp1: {} } }, []],
];
for (const [what, parts, meta, expected] of counts) {
  Deno.test(`counts of meta.yaml: ${what}`, () => {
    const skew = parts.requests === undefined ? "n,nb\n" : "layer,requests_json,t_skew_us\n";
    const files = { ...FILES, tables: new Map([[1, { ...FILES.tables.get(1)!, skew }]]) };
    assert.deepEqual(lines(checkCounts(files, tablesOf(parts), meta)), expected);
  });
}
Deno.test("an exact skew case is counted as the parts that it was measured in", () => {
  const of = (mode: "exact" | "interpolated"): string[] =>
    lines(checkCounts(FILES, tablesOf({ alphas: [0.5] }), {
      measurement_iterations: 1,
      samples: { skew: 3 },
      skew_profile: { enabled: true, mode },
    }));
  assert.deepEqual(of("exact"), []);
  assert.deepEqual(of("interpolated").map((line) => line.match(/expected .*/)?.[0]), [
    "expected 3 shots, of 1 sample each, found 1 shot",
  ]);
});

const AXES = { bucket_axes: { n_bins: [] } as never, alpha_default: 0, bucket_table: "tp1/skew_fit.csv" };
const entry = "meta.yaml, key skew_fit.per_tp.1";
const fits: [string, Meta["skew_fit"], number, string[]][] = [
  ["whole", { enabled: true, per_tp: { 1: AXES } }, 1, []],
  ["kept from another run", { enabled: false, kept: "why" }, 1, []],
  ["not enabled", { enabled: false }, 1, [
    "warning: tp1/skew_fit.csv: A simulator ignores the table, because meta.yaml's skew_fit.enabled is not true",
  ]],
  ["without an entry", { enabled: true, per_tp: {} }, 1, [
    `error: ${entry}: A simulator ignores the degree's skew_fit.csv, because its entry is missing`,
  ]],
  [
    "without a table's name",
    { enabled: true, per_tp: { 1: { alpha_default: 0, bucket_axes: AXES.bucket_axes } } },
    1,
    [
      `error: ${entry}.bucket_table: The entry names another table, or none; expected tp1/skew_fit.csv, found nothing`,
    ],
  ],
  ["without rows", { enabled: true, per_tp: { 1: AXES } }, 0, [
    "error: tp1/skew_fit.csv: A simulator takes alpha_default for every batch; expected a table with rows",
  ]],
  ["without a default", { enabled: true, per_tp: { 1: { ...AXES, alpha_default: undefined as never } } }, 1, [
    `error: ${entry}.alpha_default: A simulator takes 0 for a batch outside the table; expected a number`,
  ]],
  ["without axes", { enabled: true, per_tp: { 1: { ...AXES, bucket_axes: null } } }, 1, [
    `warning: ${entry}.bucket_axes: A simulator takes its own axes, here and in the block there are none`,
  ]],
  [
    "with axes in the block",
    { enabled: true, bucket_axes: AXES.bucket_axes, per_tp: { 1: { ...AXES, bucket_axes: null } } },
    1,
    [],
  ],
  [
    "in the entry itself",
    { enabled: true, per_tp: { 1: { ...AXES, alpha_by_bucket: {}, bucket_table: "none" } } },
    0,
    [],
  ],
];
for (const [what, fit, fitRows, expected] of fits) {
  Deno.test(`a fit for August that is ${what}`, () => {
    assert.deepEqual(lines(checkSkewFit(FILES, tablesOf({ fitRows }), fit)), expected);
  });
}
