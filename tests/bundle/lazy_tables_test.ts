/** Tables of a bundle in memory: each is read once, in the form that its header has. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { lazyTables } from "../../src/bundle/lazy_tables.ts";

/** The tables of one degree, null for bytes that are no text. */
const tablesOf = (tables: Readonly<Record<string, string | null>>): ReturnType<typeof lazyTables> =>
  lazyTables({ dir: "/b", tps: [1], tables: new Map([[1, tables]]) } as unknown as BundleFiles);

const CELLS = "layer,decode_q_len,pc_label,lev_label,n_anchor,alpha,direct_rows,pooled_rows\n" +
  "attention,1,pc0,lev0,2,0.5,3,3\n";
const BUCKETS = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n0,a,b,c,d,0.5,3\n";
const SKEW = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
  "pure,4,1,0.25,2,0,0,16,32,20,5,6,5.5,0.5\n";
const LISTED = 'requests_json,t_skew_us\n"[[1, 5], [1, 9]]",3\n';

Deno.test("a table is read once, and one that is not there has no rows", () => {
  const tables = tablesOf({ dense: "layer,tokens,time_us\na,1,2\n" });
  assert.deepEqual(tables.table(1, "dense").rows, [{ layer: "a", key: [1], timeUs: 2 }]);
  assert.equal(tables.table(1, "dense"), tables.table(1, "dense"));
  for (const absent of [tables.table(1, "moe"), tables.table(2, "dense")]) {
    assert.deepEqual(absent, { rows: [], others: [], repeated: [], issues: [] });
  }
  assert.deepEqual(tables.issues(), []);
});

Deno.test("a header is the table's first line", () => {
  const tables = tablesOf({ dense: "layer,tokens\na,1\n", moe: null });
  assert.equal(tables.header(1, "dense"), "layer,tokens");
  assert.deepEqual([tables.header(1, "moe"), tables.header(1, "attention"), tables.header(2, "dense")], [
    undefined,
    undefined,
    undefined,
  ]);
});

const counted = (tables: ReturnType<typeof lazyTables>): number[] =>
  [tables.skewFit(1), tables.skewCells(1), tables.skew(1), tables.skewShapes(1), tables.estimated(1)]
    .map(({ rows }) => rows.length);
const forms: readonly [what: string, tables: Record<string, string>, rows: number[]][] = [
  ["no table", {}, [0, 0, 0, 0, 0]],
  ["alphas by bucket", { skew_fit: BUCKETS }, [1, 0, 0, 0, 0]],
  ["alphas by anchor", { skew_fit: CELLS }, [0, 1, 0, 0, 0]],
  ["skew cases in columns", { skew: SKEW }, [0, 0, 1, 1, 0]],
  ["skew cases listed request by request", { skew: LISTED }, [0, 0, 0, 1, 0]],
];
for (const [what, tables, rows] of forms) {
  Deno.test(`a bundle with ${what} has rows of its own form`, () => {
    const read = tablesOf(tables);
    assert.deepEqual([counted(read), read.issues()], [rows, []]);
  });
}

Deno.test("what is wrong with a table is told once, whatever its form", () => {
  const told = (tables: Record<string, string | null>): string[] =>
    tablesOf(tables).issues().map(({ code, path }) => `${path} ${code}`);
  for (const name of ["dense", "attention", "mtp", "skew", "skew_fit", "estimated"]) {
    assert.deepEqual(told({ [name]: null }), [`/b/tp1/${name}.csv file-encoding`]);
  }
  assert.deepEqual(told({ skew_fit: CELLS.replace("0.5", "x") }), ["/b/tp1/skew_fit.csv number-invalid"]);
  assert.deepEqual(told({ skew_fit: BUCKETS.replace("0.5", "x") }), ["/b/tp1/skew_fit.csv number-invalid"]);
  assert.deepEqual(told({ skew: LISTED.replace("5", "x") }), ["/b/tp1/skew.csv skew-shape"]);
  assert.deepEqual(told({ skew: SKEW.replace("5.5", "x") }), ["/b/tp1/skew.csv time-invalid"]);
});

Deno.test("a header that lacks columns is shown where it has half of them: it may be that of another file", () => {
  const found = (skew_fit: string): string | undefined => tablesOf({ skew_fit }).issues()[0]?.found;
  const half = "n_anchor,layer,pc_label,lev_label";
  assert.equal(found(`${half}\n`), half);
  assert.equal(found("n_anchor,layer,pc_label,secret\n"), "few of them");
});
