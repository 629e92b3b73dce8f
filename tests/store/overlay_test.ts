/** A journal over the files that were made from it: what is stale, and what is told. */
import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { plural } from "../../src/count_text.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import { rowText } from "../../src/shots/shot_id.ts";
import { overlay, overlaySkew } from "../../src/store/overlay.ts";
import { type Rows, tableOf } from "../../src/store/rows.ts";
import { type SkewTimesByTp, skewTimesOf } from "../../src/store/skew_times.ts";

function rows(
  ...entries: [tp: number, category: "dense" | "per_sequence", size: number, timeUs: number][]
): Rows {
  const made: Rows = new Map();
  for (const [tp, category, size, timeUs] of entries) {
    tableOf(made, tp, category).set(rowText("proj", [size]), { layer: "proj", key: [size], timeUs });
  }
  return made;
}

const overlays: [what: string, files: Rows, journal: Rows, stale: unknown[], notices: string[]][] = [
  ["the same", rows([1, "dense", 1, 5]), rows([1, "dense", 1, 5]), [], []],
  ["the same to the digits of a file", rows([1, "dense", 1, 5]), rows([1, "dense", 1, 5.0000001]), [], []],
  ["rows of files alone", rows([1, "dense", 1, 5]), rows(), [], []],
  ["rows of the journal alone", rows(), rows([2, "dense", 1, 5]), [[2, "dense"]], []],
  [
    "rows that differ",
    rows([1, "dense", 1, 5], [1, "dense", 2, 5]),
    rows([1, "dense", 1, 6], [1, "dense", 2, 5]),
    [
      [1, "dense"],
    ],
    ["b/tp1/dense.csv: 1 row differs from the journal, whose values are used"],
  ],
  [
    "several tables",
    rows([1, "dense", 1, 5], [2, "per_sequence", 1, 5]),
    rows(
      [1, "dense", 1, 6],
      [2, "per_sequence", 1, 7],
      [2, "per_sequence", 2, 8],
    ),
    [[1, "dense"], [2, "per_sequence"]],
    [
      "b/tp1/dense.csv: 1 row differs from the journal, whose values are used",
      "b/tp2/per_sequence.csv: 1 row differs from the journal, whose values are used",
    ],
  ],
];
for (const [what, files, journal, stale, notices] of overlays) {
  Deno.test(`a journal over files with ${what}: ${plural(stale.length, "table is", "tables are")} stale`, () => {
    assert.deepEqual(overlay("b", files, journal), { stale, notices });
    for (const [tp, tables] of journal) {
      for (const [category, table] of tables) {
        for (const [text, row] of table) assert.equal(tableOf(files, tp, category).get(text), row);
      }
    }
  });
}

const KEYS = [[4, 1, 0, 0, 128, 512], [4, 1, 0, 0, 256, 512]];
const rowOf = (key: readonly number[], t_skew_us: number): SkewRow => ({
  ...skewCaseOf(key),
  ...{ t_mean_us: 1, t_max_us: 9, t_skew_us, alpha: null },
});
function skew(read: readonly number[], fired: readonly number[], tp = 1): SkewTimesByTp {
  const made: SkewTimesByTp = new Map();
  const times = skewTimesOf(made, tp);
  for (const [i, timeUs] of read.entries()) times.rows.set(KEYS[i]!.join(), rowOf(KEYS[i]!, timeUs));
  for (const [i, timeUs] of fired.entries()) times.skewed.set(KEYS[i]!.join(), timeUs);
  return made;
}
const skews: [what: string, read: number[], fired: number[], different: number][] = [
  ["that no row has", [], [4, 5], 0],
  ["as the rows have them", [4, 5], [4, 5], 0],
  ["as the rows have them to three digits", [4], [4.0004], 0],
  ["that differ in the third digit", [4], [4.001], 1],
  ["that differ in one row", [4, 5], [4, 6], 1],
  ["that differ in both", [4, 5], [7, 6], 2],
];
for (const [what, read, fired, different] of skews) {
  Deno.test(`a journal has skewed batches ${what}: ${plural(different, "row differs", "rows differ")}`, () => {
    const times = skew(read, [], 2);
    const journal = skew([], fired, 2);
    skewTimesOf(journal, 2).uniform.set("a batch", 3);
    assert.deepEqual(
      overlaySkew("b", times, journal),
      different === 0 ? [] : [
        `b/tp2/skew.csv: ${
          plural(different, "row differs", "rows differ")
        } from the journal, whose values are used`,
      ],
    );
    const own = skewTimesOf(times, 2);
    assert.deepEqual([...own.skewed.values()], fired);
    assert.deepEqual([...own.uniform], [["a batch", 3]]);
  });
}
