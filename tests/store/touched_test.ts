/** Which files are written when rows change, and what is asked before a bundle is deleted. */
import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { type CsvRows, touchStale } from "../../src/store/csv_rows.ts";
import { type MeasuredRow, type Rows, tableOf } from "../../src/store/rows.ts";
import { type TableFiles, tableFiles } from "../../src/store/table_files.ts";
import { wipeBundle } from "../../src/store/wipe.ts";
import { tinyArchitecture } from "../run/fakes.ts";
import { putFile, withFolder } from "../run/tiny_run.ts";

const skewRow = (n: number): SkewRow => ({
  ...{ regime: "pure", n, nb: 1, ratio: 0.25, skew: 3, pc: 0, kp: 0, kvs: 67, kv_big: 200, kv_mean: 100 },
  ...{ t_mean_us: 100, t_max_us: 200, t_skew_us: 120, alpha: 0.2 },
});

/** Degrees 1, 2 and 4 with a row of each table. */
function threeDegrees(): Rows {
  const rows: Rows = new Map();
  const put = (tp: number, category: "dense" | "per_sequence" | "attention", row: MeasuredRow): void =>
    void tableOf(rows, tp, category).set(`${row.layer},${row.key}`, row);
  for (const tp of [1, 2, 4]) {
    put(tp, "dense", { layer: "proj", key: [8], timeUs: tp } as MeasuredRow);
    put(tp, "per_sequence", { layer: "lm_head", key: [8], timeUs: tp } as MeasuredRow);
    put(tp, "attention", { layer: null, key: [0, 0, 1, 16], timeUs: tp } as MeasuredRow);
  }
  return rows;
}

interface Opened {
  readonly files: TableFiles;
  readonly written: string[];
  readonly around: number[];
  refuse: boolean;
}

function openFiles(dir: string, stable = true): Opened {
  const opened = { written: [] as string[], around: [] as number[], refuse: false };
  const lists = {
    around: (tp: number, writeTable: () => Promise<void>) => {
      opened.around.push(tp);
      return writeTable();
    },
  };
  const source = {
    rows: threeDegrees(),
    estimates: new Map(),
    lists: lists as never,
    skewRows: (tp: number) => tp === 2 ? [skewRow(4), skewRow(8)] : [],
  };
  const architecture = tinyArchitecture();
  const plain = Object.fromEntries(
    Object.entries(architecture.catalog).map(([category, layers]) => [
      category,
      Object.fromEntries(Object.keys(layers).map((name) => [name, { vllm: ["X"] }])),
    ]),
  );
  const kept = stable ? architecture : { ...architecture, catalog: plain as never };
  const files = tableFiles(dir, source, kept, (path) => {
    if (opened.refuse) return Promise.reject(new Error("the disk is full"));
    opened.written.push(path.slice(dir.length + 1, -".csv".length));
    return Promise.resolve();
  });
  return Object.assign(opened, { files });
}

type Touched = readonly [number, "dense" | "per_sequence" | "attention" | "moe" | "skew"];
const touches: [string, readonly Touched[], boolean, string[]][] = [
  ["nothing", [], true, []],
  ["attention, with the skew cases that rest on it and what is copied", [[2, "attention"]], true, [
    "tp2/attention",
    "tp2/dense",
    "tp2/per_sequence",
    "tp2/skew",
  ]],
  ["the same where nothing is copied", [[2, "attention"]], false, ["tp2/attention", "tp2/skew"]],
  ["attention of degree 1 alone", [[1, "attention"]], true, ["tp1/attention"]],
  ["skew cases alone", [[2, "skew"]], true, ["tp2/skew"]],
  ["no skew case", [[1, "skew"]], true, []],
  ["a table that is copied from degree 1", [[1, "dense"]], true, ["tp1/dense", "tp2/dense", "tp4/dense"]],
  ["the same where nothing is copied", [[1, "dense"]], false, ["tp1/dense"]],
  ["a table of another degree: what is copied there", [[4, "dense"]], true, [
    "tp4/dense",
    "tp4/per_sequence",
  ]],
  ["the same where nothing is copied", [[4, "dense"]], false, ["tp4/dense"]],
  ["a table without a row", [[1, "moe"]], true, []],
];
for (const [what, touched, stable, expected] of touches) {
  Deno.test(`what is written when rows change: ${what}${stable ? "" : " (no stable layer)"}`, () =>
    withFolder(async (dir) => {
      const { files, written, around } = openFiles(dir, stable);
      for (const [tp, category] of touched) files.touch(tp, category);
      assert.equal(await files.write(), touched.length > 0);
      assert.deepEqual(written.toSorted(), expected);
      // The list of predictions is written around attention.csv alone.
      assert.deepEqual(
        around,
        expected.filter((path) => path.endsWith("attention")).map((path) => Number(path[2])),
      );
      assert.equal(await files.write(), false);
    }));
}

Deno.test("what the disk refused is written the next time", () =>
  withFolder(async (dir) => {
    const opened = openFiles(dir);
    opened.files.touch(1, "attention");
    opened.refuse = true;
    await assert.rejects(opened.files.write(), { message: "the disk is full" });
    opened.refuse = false;
    assert.equal(await opened.files.write(), true);
    assert.deepEqual(opened.written, ["tp1/attention"]);
    assert.equal(await opened.files.write(), false);
  }));

Deno.test("the rows of files are counted, those without any left out", () =>
  withFolder((dir) => {
    const degree = { dense: 1, per_sequence: 1, attention: 1 };
    assert.deepEqual(openFiles(dir, false).files.counts(), {
      tp1: degree,
      tp2: { ...degree, skew: 2 },
      tp4: degree,
    });
    return Promise.resolve();
  }));

const stales: [string, number[], number, number[], string[]][] = [
  ["as it should be", [4], 1, [4], []],
  ["in another order", [8, 4], 1, [4, 8], []],
  ["with a case too few", [4], 1, [4, 8], ["2 skew"]],
  ["with other cases, but none was fired", [4], 0, [8], []],
];
for (const [what, there, fired, shown, expected] of stales) {
  Deno.test(`a skew.csv is ${expected.length > 0 ? "written anew" : "left"}: ${what}`, () => {
    const touched: string[] = [];
    const files = { touch: (tp: number, category: string) => void touched.push(`${tp} ${category}`) };
    const times = {
      rows: new Map(there.map((n) => [String(n), skewRow(n)])),
      skewed: new Map(Array.from({ length: fired }, (_, i) => [String(i), 1] as const)),
      spreads: new Map(),
      uniform: new Map(),
    };
    const csv: Pick<CsvRows, "skew"> = { skew: (tp) => tp === 2 ? shown.map(skewRow) : [] };
    touchStale(files as TableFiles, { stale: [[1, "dense"]], skew: new Map([[2, times]]) }, csv as CsvRows);
    assert.deepEqual(touched, ["1 dense", ...expected]);
  });
}

Deno.test("before a bundle is deleted it is asked, with how many files; no deletes none", () =>
  withFolder(async (dir) => {
    const asked: string[] = [];
    const say = (answer: boolean) => (question: string): boolean => {
      asked.push(question);
      return answer;
    };
    await wipeBundle(dir, say(false));
    assert.equal(asked.length, 0);
    await putFile(dir, "notes.txt", "mine");
    await wipeBundle(dir, say(false));
    assert.equal(asked.length, 0);
    await putFile(dir, "meta.yaml", "a");
    await assert.rejects(wipeBundle(dir, say(false)), {
      message: /^Cannot measure .* its 1 file is deleted/,
    });
    await putFile(dir, "tp2/dense.csv", "a");
    await putFile(dir, "tp2/mine.csv", "a");
    await assert.rejects(wipeBundle(dir, say(false)), { name: "UsageError" });
    assert.deepEqual(asked.map((question) => question.match(/the \d+ files?/)?.[0]), [
      "the 1 file",
      "the 2 files",
    ]);
    await wipeBundle(dir, say(true));
    const left = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["notes.txt", "tp2"]);
    assert.deepEqual([...Deno.readDirSync(`${dir}/tp2`)].map(({ name }) => name), ["mine.csv"]);
  }));
