/** meta.yaml against the tables: grids, budgets, counts and switches. */
import assert from "node:assert/strict";
import { renderIssue } from "../../src/bundle/issue.ts";
import { formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { formatTable, type Row } from "../../src/bundle/tables.ts";
import { formatSkew, type SkewRow } from "../../src/bundle/skew.ts";
import { validate } from "../../src/check/validate.ts";
import { withBundle } from "../bundle/with_bundle.ts";

const META: Meta = {
  tp_degrees: [1],
  engine_effective: { max_num_batched_tokens: 32, max_num_seqs: 4 },
  attention_grid: { max_kv: 64, chunk_factor: 2, kv_factor: 2, chunks: [], n_decode: [], kv: [] },
  skew_profile: { enabled: false },
  skew_fit: { enabled: false },
};

/** The grid of META in full: chunks 0, 16, 32; decodes 0, 1, 2, 4; histories 0, 16, 32, 64. */
function attention(keep: (key: readonly number[]) => boolean = () => true, chunks = [0, 16, 32]): Row[] {
  const keys = chunks.flatMap((chunk) =>
    (chunk === 0 ? [0] : [0, 16, 32, 64]).flatMap((kvPrefill) =>
      [0, 1, 2, 4].flatMap((n) => (n === 0 ? [0] : [16, 32, 64]).map((kv) => [chunk, kvPrefill, n, kv]))
    )
  ).filter(([chunk = 0, , n = 0]) => chunk + n > 0).filter(keep);
  return keys.map((key) => ({ layer: null, key, timeUs: 10 }));
}

const SKEW: SkewRow = {
  regime: "pure",
  n: 4,
  nb: 1,
  ratio: 0.25,
  skew: 4,
  pc: 0,
  kp: 0,
  kvs: 16,
  kv_big: 64,
  kv_mean: 28,
  t_mean_us: 10.1,
  t_max_us: 10.2,
  t_skew_us: 10.1,
  alpha: 0,
};

async function findings(
  meta: Meta,
  rows: Row[],
  more: { tokens?: number; sequences?: number | null; skew?: SkewRow[] } = {},
): Promise<string[]> {
  const { tokens = 32, sequences = 4, skew = [] } = more;
  let lines: string[] = [];
  await withBundle({
    "meta.yaml": formatMeta(meta),
    "tp1/dense.csv": formatTable("dense", [{ layer: "o_proj", key: [tokens], timeUs: 5 }]),
    "tp1/per_sequence.csv": formatTable(
      "per_sequence",
      sequences === null ? [] : [{ layer: "sampler", key: [sequences], timeUs: 5 }],
    ),
    "tp1/attention.csv": formatTable("attention", rows),
    ...(skew.length > 0 ? { "tp1/skew.csv": formatSkew(skew) } : {}),
  }, async (dir) => {
    const issues = (await validate(dir)).filter(({ code }) => code !== "meta-key-missing");
    lines = issues.map((issue) => renderIssue(issue).replaceAll(`${dir}/`, "").replace(/^warning: /, ""));
  });
  return lines;
}

const CASES: Record<string, [args: Parameters<typeof findings>, lines: string[]]> = {
  "a grid in full": [[META, attention()], []],
  "a grid that the KV pool cuts": [[META, attention(([, , n = 0, kv = 0]) => n * kv < 200)], []],
  "one decode less with a prefill, as a run has it": [
    [
      META,
      attention().map((row) =>
        row.key[0]! > 0 && row.key[2] === 4 ? { ...row, key: row.key.with(2, 3) } : row
      ),
    ],
    [
      "tp1/attention.csv, key n_decode: The table has values that are not on the grid which meta.yaml records; " +
      "expected 0, 1, 2, 4, found 3",
    ],
  ],
  "no more than half of the requests with a prefill": [
    [META, attention(([chunk = 0, , n = 0]) => chunk === 0 || n < 4)],
    [
      "tp1/attention.csv, key n_decode: With a prefill, lookups of more than 2 decodes are answered from a " +
      "neighbouring slice; expected 4, or 3 at least, found 2 decodes with a prefill at most",
    ],
  ],
  "a grid that meta.yaml does not record": [
    [META, attention(undefined, [0, 16, 24, 32])],
    [
      "tp1/attention.csv, key prefill_chunk: The table has values that are not on the grid which meta.yaml " +
      "records; expected 0, 16, 32, found 24",
    ],
  ],
  "an axis that ends before its limit": [[META, attention(undefined, [0, 16, 30])], []],
  "a table that was cut": [
    [META, attention(([chunk]) => chunk !== 32)],
    [
      "tp1/attention.csv, key prefill_chunk: The grid which meta.yaml records has values without rows: 32; " +
      "expected 0, 16, 32, found 0, 16",
    ],
  ],
  "histories that the engine's longest request does not allow": [
    [
      { ...META, engine_resolved: { per_tp: { 1: { max_model_len: 96 } } } },
      attention(([, kvPrefill = 0, , kv = 0]) => kvPrefill < 64 && kv < 64),
    ],
    [],
  ],
  "two grids in one table": [
    [META, attention(([chunk, , , kv]) => chunk !== 16 || kv !== 32)],
    [
      "tp1/attention.csv, key kv_decode: Lines skip values that other lines have: two grids stand in one table, " +
      "which shifts lookups between them; expected the same values in all lines, found 12 of 27 lines",
    ],
  ],
  "a table that ends before its budget": [
    [META, attention(), { tokens: 16 }],
    [
      "tp1/dense.csv, key tokens: The table ends before engine_effective.max_num_batched_tokens; lookups beyond " +
      "are extrapolated; expected 32, found 16",
    ],
  ],
  "skew cases that meta.yaml denies": [
    [META, attention(), { skew: [SKEW] }],
    ["meta.yaml, key skew_profile.enabled: tp1/skew.csv has rows all the same; expected true, found false"],
  ],
  "skew cases that meta.yaml promises": [
    [{ ...META, skew_profile: { enabled: true } }, attention()],
    ["meta.yaml, key skew_profile.enabled: tp1/skew.csv has no rows; expected false, found true"],
  ],
  "skew times that are sums": [
    [{ ...META, skew_profile: { enabled: true } }, attention(), { skew: [{ ...SKEW, t_max_us: 30.3 }] }],
    [
      "tp1/skew.csv, key t_max_us: The times are sums over iterations, those of attention.csv are averages; " +
      "alpha is not affected; expected the same, found 3 times those of attention.csv",
    ],
  ],
  "skew times that are sums of two": [
    [{ ...META, skew_profile: { enabled: true } }, attention(), { skew: [{ ...SKEW, t_max_us: 20.2 }] }],
    [
      "tp1/skew.csv, key t_max_us: The times are sums over iterations, those of attention.csv are averages; " +
      "alpha is not affected; expected the same, found 2 times those of attention.csv",
    ],
  ],
  "a table without rows, which ends nowhere": [[META, attention(), { sequences: null }], [
    "tp1/per_sequence.csv: A simulator leaves out the table's layers with a warning; expected a table with rows, " +
    "found no row that can be used",
  ]],
  "a fit of other cases": [
    [
      {
        ...META,
        skew_profile: { enabled: true },
        skew_fit: { enabled: false, per_tp: { 1: { n_samples: 5 } } },
      },
      attention(),
      { skew: [SKEW] },
    ],
    [
      "meta.yaml, key skew_fit.per_tp.1.n_samples: The fit was made on another number of cases than skew.csv has " +
      "with an alpha; expected 1, found 5",
    ],
  ],
  "samples without rows": [
    [{ ...META, measurement_iterations: 3, samples: { moe: 12 } }, attention()],
    ["meta.yaml, key samples.moe: Samples were taken, but no table has rows of them; expected 0, found 12"],
  ],
  "fewer rows than were written": [
    [{ ...META, rows: { tp1: { dense: 1, per_sequence: 3 }, tp2: { attention: 9 } } }, attention()],
    [
      "tp1/per_sequence.csv: Rows are missing: the table has fewer than meta.yaml counts; expected 3, found 1",
      "tp2/attention.csv: Rows are missing: the table has fewer than meta.yaml counts; expected 9, found 0",
    ],
  ],
  "more rows than were written": [
    [{ ...META, rows: { tp1: { attention: 3 } } }, attention()],
    ["tp1/attention.csv: Rows were added: the table has more than meta.yaml counts; expected 3, found 89"],
  ],
  "fewer shots than samples were taken of, where rows are not counted": [
    [{ ...META, measurement_iterations: 3, samples: { dense: 3, attention: 273 } }, attention()],
    [
      "meta.yaml, key samples.attention: Rows are missing, or shots were measured more than once: the tables have rows " +
      "of fewer shots than the samples are of; expected 91 shots, of 3 samples each, found 89 shots",
    ],
  ],
  "the same beside skew cases that were measured in parts": [
    [
      {
        ...META,
        measurement_iterations: 3,
        samples: { attention: 273 },
        skew_profile: { enabled: false, mode: "exact" },
      },
      attention(),
    ],
    [
      "meta.yaml, key samples.attention: Rows are missing, or shots were measured more than once: the tables have rows " +
      "of fewer shots than the samples are of; expected 91 shots, of 3 samples each, found 89 shots",
    ],
  ],
  "samples of a precision, which tell no number of shots": [
    [
      {
        ...META,
        measurement_iterations: 3,
        precision: { relative: 0.01, min: 3, max: 30 },
        samples: { attention: 900 },
      },
      attention(),
    ],
    [],
  ],
  "rows of several conditions": [
    [{ ...META, mixed: ["driver 1, not 2"] }, attention()],
    [
      "meta.yaml, key mixed: Rows were measured under different conditions and may not belong together; expected none, " +
      "found driver 1, not 2",
    ],
  ],
  "shots in doubt": [
    [{ ...META, noise: { sentinels: 3, in_doubt: 66 } }, attention()],
    [
      "meta.yaml, key noise.in_doubt: Shots are in doubt: the device drifted while they were measured, or no sentinel " +
      "says that it did not; the run that measured them measures them again, readEvidence() names them; expected 0, " +
      "found 66",
    ],
  ],
  "shots that lower the clock": [
    [{ ...META, noise: { sentinels: 3, in_doubt: 0, lowers_clock: 12 } }, attention()],
    [
      "meta.yaml, key noise.lowers_clock: Shots began at the device's full clock and lowered it themselves, as they do " +
      "each time at its power limit: their rows are not of one clock; readEvidence() names them, with the clock before " +
      "and behind each; found 12",
    ],
  ],
};

for (const [name, [args, lines]] of Object.entries(CASES)) {
  Deno.test(`validate on ${name}`, async () => assert.deepEqual(await findings(...args), lines));
}
