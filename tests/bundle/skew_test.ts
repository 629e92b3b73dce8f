import assert from "node:assert/strict";
import { renderIssue } from "../../src/bundle/issue.ts";
import { formatSkew, readSkew, SKEW_COLUMNS, type SkewRow } from "../../src/bundle/skew.ts";

interface Vectors {
  skew_rows: { raw: [string, string, string]; line: string }[];
}

const { skew_rows }: Vectors = JSON.parse(
  await Deno.readTextFile(new URL("../data/csv-format.json", import.meta.url)),
);

const HEADER = `${SKEW_COLUMNS.join(",")}\n`;

/** A vector's line as a case with its raw times. */
function caseOf({ raw, line }: Vectors["skew_rows"][number]): SkewRow {
  const cells = line.split(",");
  const at = (index: number): number => Number(cells[index]);
  const [t_mean_us, t_max_us, t_skew_us] = raw.map(Number) as [number, number, number];
  return {
    regime: cells[0] ?? "",
    n: at(1),
    nb: at(2),
    ratio: at(2) / at(1),
    skew: at(4),
    pc: at(5),
    kp: at(6),
    kvs: at(7),
    kv_big: at(8),
    kv_mean: at(9),
    t_mean_us,
    t_max_us,
    t_skew_us,
    alpha: t_max_us > t_mean_us ? (t_skew_us - t_mean_us) / (t_max_us - t_mean_us) : null,
  };
}

Deno.test("formatSkew writes the reference's lines", () => {
  assert.equal(skew_rows.length, 60);
  for (const vector of skew_rows) {
    assert.equal(formatSkew([caseOf(vector)]), `${HEADER}${vector.line}\n`);
  }
});

Deno.test("formatSkew sorts by key, and readSkew reads it back", () => {
  const byKey = new Map(
    skew_rows.map(caseOf).map((row) => [`${row.n} ${row.nb} ${row.skew} ${row.pc} ${row.kvs}`, row]),
  );
  const text = formatSkew([...byKey.values()]);
  const { rows, issues } = readSkew(text, "skew.csv");
  assert.equal(formatSkew(rows), text);
  assert.deepEqual(issues.map(({ code }) => code), []);
  const ns = rows.map(({ n }) => n);
  assert.deepEqual(ns, ns.toSorted((a, b) => a - b));
});

Deno.test("readSkew takes a blank alpha for undefined and keeps alphas beyond 0 and 1", () => {
  const line = (n: number, alpha: string): string =>
    `pure,${n},1,0.5,4.0,0,0,128,512,320,10.0,20.0,15.0,${alpha}\n`;
  const { rows } = readSkew(HEADER + line(2, "") + line(3, "-33.8038") + line(4, "1.5"), "skew.csv");
  assert.deepEqual(rows.map(({ alpha }) => alpha), [null, -33.8038, 1.5]);
});

Deno.test("readSkew leaves out rows with a fault", () => {
  const { rows, issues } = readSkew(
    `${HEADER}pure,2,1,0.5,4.0,0,0,128,512,320,10.0,nan,15.0,x\n`,
    "skew.csv",
  );
  assert.deepEqual(rows, []);
  assert.deepEqual(issues.map(renderIssue), [
    "error: skew.csv, row 2, column t_max_us: The time is no finite number; " +
    'expected a time above 0 in microseconds, found "nan"',
    'error: skew.csv, row 2, column alpha: The value is no finite number; expected a number, found "x"',
  ]);
});

Deno.test("cases are sorted by each column of their key, the first that differs", () => {
  const least = caseOf(skew_rows[0]!);
  const columns = ["n", "nb", "skew", "pc", "kp", "kvs"] as const;
  for (const [at, column] of columns.entries()) {
    const low: SkewRow = { ...least, regime: "pure", n: 2, nb: 2, skew: 2, pc: 2, kp: 2, kvs: 2 };
    const high: SkewRow = { ...low, [column]: 10 };
    // Every later column would say the opposite.
    for (const later of columns.slice(at + 1)) Object.assign(low, { [later]: 20 });
    const text = formatSkew([low, high]);
    assert.equal(formatSkew([high, low]), text, column);
    const { rows } = readSkew(text, "skew.csv");
    assert.deepEqual(rows.map((row) => row[column]), [2, 10], column);
  }
  const [pure, mixed]: SkewRow[] = [{ ...least, regime: "pure" }, { ...least, regime: "mixed" }];
  assert.equal(formatSkew([pure!, mixed!]), formatSkew([mixed!, pure!]));
});
