import assert from "node:assert/strict";
import type { SkewFit } from "../../src/bundle/meta_blocks.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { readVectors } from "../predict/vectors.ts";

interface FitCase {
  readonly name: string;
  readonly tps: readonly number[];
  readonly skew_csv: Readonly<Record<string, string | null>>;
  readonly skew_fit_block: SkewFit;
  readonly skew_fit_csv: Readonly<Record<string, { rows: unknown[][] } | null>>;
}

/** Rows as they stand, zero times and repeated keys included, which a bundle's reader leaves out. */
function rowsOf(text: string | null | undefined): SkewRow[] {
  const [header = "", ...lines] = (text ?? "").trimEnd().split(/\r?\n/);
  const columns = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",").map((cell, i) => [columns[i]!, cell] as const);
    const numbers = cells.map(([column, cell]) => [column, cell === "" ? null : Number(cell)] as const);
    return { ...Object.fromEntries(numbers), regime: cells[0]![1] } as unknown as SkewRow;
  });
}

/** Relative to a measured time of 0 there is no error: the reference writes nan and inf, here such a row does not count. */
const WITHOUT_FIGURES = "t-skew-zero-in-a-shared-bucket-infinite-error";
/** A file without this column does not make cases. */
const NO_CASES = "kvs-column-missing";

for (const file of ["fit-synthetic.json.gz", "fit-samples.json.gz"]) {
  for (const vector of readVectors<{ cases: FitCase[] }>(file).cases) {
    if (vector.name === NO_CASES || vector.name === WITHOUT_FIGURES) continue;
    Deno.test(`fitSkew by reference gives the reference's fit: ${vector.name}`, () => {
      const { block, tables } = fit(vector);
      assert.deepEqual(plain(block), vector.skew_fit_block);
      for (const tp of vector.tps) {
        const rows = tables.get(tp)?.map((row) => Object.values(row)) ?? null;
        assert.deepEqual(rows, vector.skew_fit_csv[tp]?.rows ?? null, `tp${tp}`);
      }
    });
  }
}

Deno.test("fitSkew by reference leaves a measured time of 0 out of the errors", () => {
  const { cases } = readVectors<{ cases: FitCase[] }>("fit-synthetic.json.gz");
  const vector = cases.find(({ name }) => name === WITHOUT_FIGURES)!;
  const { block, tables } = fit(vector);
  assert.deepEqual(tables.get(1)?.map((row) => Object.values(row)), vector.skew_fit_csv["1"]?.rows);
  assert.deepEqual(plain(block.per_tp?.[1]), {
    method: "per_bucket_wls_5axis",
    n_samples: 3,
    alpha_default: -0.1667,
    bucket_table: "tp1/skew_fit.csv",
    rel_err_p50: 0.3323,
    rel_err_p90: 0.3537,
    rel_err_p99: 0.3585,
    signed_mean: -0.3323,
  });
});

function fit({ tps, skew_csv }: FitCase): ReturnType<typeof fitSkew> {
  return fitSkew({ method: "reference", rowsByTp: new Map(tps.map((tp) => [tp, rowsOf(skew_csv[tp])])) });
}

/** Objects as YAML or JSON would hold them, without losing the sign of a zero. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}
