import assert from "node:assert/strict";
import { renderIssue } from "../../src/bundle/issue.ts";
import { formatTable, readTable, type Row } from "../../src/bundle/tables.ts";
import { CATEGORIES, type Category } from "../../src/shots/shot.ts";

interface Vectors {
  files: { points_in_order: (string | number)[][]; file: string; text: string }[];
}

const { files }: Vectors = JSON.parse(
  await Deno.readTextFile(new URL("../data/csv-format.json", import.meta.url)),
);

/** The points of a vector as rows; those of one key are averaged. */
function rowsOf(category: Category, points: (string | number)[][]): Row[] {
  const { layered } = CATEGORIES[category];
  const byKey = Map.groupBy(points, (point) => JSON.stringify(point.slice(0, -1)));
  return [...byKey].map(([name, same]) => {
    const cells: (string | number)[] = JSON.parse(name);
    return {
      layer: layered ? String(cells[0]) : null,
      key: cells.slice(layered ? 1 : 0).map(Number),
      timeUs: same.reduce((sum, point) => sum + Number(point.at(-1)), 0) / same.length,
    };
  });
}

Deno.test("formatTable writes the reference's files, with line feeds", () => {
  for (const { points_in_order, file, text } of files) {
    const category = file.replace(".csv", "") as Category;
    assert.equal(
      formatTable(category, rowsOf(category, points_in_order)),
      text.replaceAll("\r\n", "\n"),
      file,
    );
  }
});

Deno.test("readTable reads what formatTable writes", () => {
  for (const { file, text } of files) {
    const category = file.replace(".csv", "") as Category;
    const { rows, issues } = readTable(category, text, file);
    assert.deepEqual(issues.filter(({ severity }) => severity === "error"), []);
    assert.equal(formatTable(category, rows), text.replaceAll("\r\n", "\n"), file);
  }
});

Deno.test("formatTable writes a header for no rows", () => {
  assert.equal(formatTable("per_sequence", []), "layer,sequences,time_us\n");
});

const HEADER = "layer,tokens,time_us\n";
const ROW = { layer: "o_proj", key: [16], timeUs: 2.5 };

Deno.test("readTable tolerates what readers of a bundle tolerate", () => {
  const texts = {
    "as written": `${HEADER}o_proj,16,2.5\n`,
    "CRLF": "layer,tokens,time_us\r\no_proj,16,2.5\r\n",
    "BOM": `\uFEFF${HEADER}o_proj,16,2.5\n`,
    "another order of columns": "time_us,layer,tokens\n2.5,o_proj,16\n",
    "extra columns": "layer,tokens,note,time_us,x\no_proj,16,fine,2.5,\n",
    "blank lines": `${HEADER}\no_proj,16,2.5\n\n`,
    "a blank line before the header": `\n${HEADER}o_proj,16,2.5\n`,
    "blanks around numbers": `${HEADER}o_proj, 16 , 2.5 \n`,
    "key 16.0": `${HEADER}o_proj,16.0,2.50\n`,
    "quotes": `"layer","tokens","time_us"\n"o_proj","16","2.5"\n`,
    "scientific time": `${HEADER}o_proj,16,2.5e+00\n`,
  };
  for (const [name, text] of Object.entries(texts)) {
    assert.deepEqual(readTable("dense", text, "dense.csv"), { rows: [ROW], issues: [] }, name);
  }
});

Deno.test("readTable leaves a row with a fault out and says where and what", () => {
  const place = "error: dense.csv, row 3";
  const time = `${place}, column time_us: The time is`;
  const wanted = "expected a time above 0 in microseconds, found";
  const cases: [string, string][] = [
    ["o_proj,32,nan\n", `${time} no finite number; ${wanted} "nan"`],
    ["o_proj,32,\n", `${time} no finite number; ${wanted} ""`],
    ["o_proj,32,inf\n", `${time} no finite number; ${wanted} "inf"`],
    ["o_proj,32,1e999\n", `${time} no finite number; ${wanted} "1e999"`],
    ["o_proj,32,abc\n", `${time} no finite number; ${wanted} "abc"`],
    ["o_proj,32,0\n", `${time} not above 0; ${wanted} "0"`],
    ["o_proj,32,-2.5\n", `${time} not above 0; ${wanted} "-2.5"`],
    ["o_proj,32\n", `${place}: The row has 2 cells; expected 3 cells, found "o_proj,32"`],
    ["o_proj,32,2.5,1\n", `${place}: The row has 4 cells; expected 3 cells, found "o_proj,32,2.5,1"`],
    [
      "o_proj,32,2.",
      `${place}: The last row may be cut inside its last cell; expected a line break at the end, ` +
      `found "o_proj,32,2."`,
    ],
    [HEADER, `${place}: The header stands here again; expected a row, found "layer,tokens,time_us"`],
    [
      "o_proj,12.5,2.5\n",
      `${place}, column tokens: The number is cut to a whole one by its readers; ` +
      `expected a whole number from 0, found "12.5"`,
    ],
    [
      "o_proj,x,2.5\n",
      `${place}, column tokens: The value is no count; expected a whole number from 0, found "x"`,
    ],
    [
      "o_proj,-1,2.5\n",
      `${place}, column tokens: The value is no count; expected a whole number from 0, found "-1"`,
    ],
    [
      " o_proj,32,2.5\n",
      `${place}, column layer: The name is blank or has blanks around it; expected a name, found " o_proj"`,
    ],
    [
      '"o,proj",32,2.5\n',
      `${place}, column layer: The name has a comma, a quote or a line break in it; expected a name, found "o,proj"`,
    ],
    [
      "o_proj,16,9\n",
      `${place}: The key stands in row 2 already; only that row counts; expected every key once`,
    ],
  ];
  for (const [line, message] of cases) {
    const { rows, issues } = readTable("dense", `${HEADER}o_proj,16,2.5\n${line}`, "dense.csv");
    assert.deepEqual(rows, [ROW], line);
    assert.deepEqual(issues.map(renderIssue), [message]);
  }
});

Deno.test("readTable keeps the first of duplicates, also when they are apart and out of order", () => {
  const text = `${HEADER}o_proj,32,1\no_proj,16,2.5\no_proj,32,2\nembedding,8,3\no_proj,16,4\no_proj,16,5\n`;
  const { rows, issues } = readTable("dense", text, "dense.csv");
  assert.deepEqual(rows, [
    { layer: "embedding", key: [8], timeUs: 3 },
    ROW,
    { layer: "o_proj", key: [32], timeUs: 1 },
  ]);
  assert.deepEqual(issues.map(({ code, row }) => [code, row]), [
    ["key-duplicate", 6],
    ["key-duplicate", 7],
    ["key-duplicate", 4],
  ]);
});

Deno.test("readTable keeps a time that a simulator rounds to zero, with a warning", () => {
  const { rows, issues } = readTable(
    "moe",
    "tokens,activated_experts,time_us\n1,8,0.0004\n2,8,0.0006\n",
    "moe.csv",
  );
  assert.deepEqual(rows.map(({ timeUs }) => timeUs), [0.0004, 0.0006]);
  assert.deepEqual(issues.map(renderIssue), [
    "warning: moe.csv, row 2, column time_us: The time rounds to 0 ns and is read as 1 ns; " +
    'expected a time of a nanosecond or more, found "0.0004"',
  ]);
});

Deno.test("readTable refuses a file without its columns", () => {
  const cases: [string, string][] = [
    ["", "error: dense.csv: The file has no header; expected layer,tokens,time_us"],
    ["\n\n", "error: dense.csv: The file has no header; expected layer,tokens,time_us"],
    [
      "layer;tokens;time_us\no_proj;16;2.5\n",
      "error: dense.csv, row 1: The header lacks layer, tokens, time_us; expected layer,tokens,time_us, " +
      'found "layer;tokens;time_us"',
    ],
    [
      "layer,tokens\no_proj,16\n",
      'error: dense.csv, row 1: The header lacks time_us; expected layer,tokens,time_us, found "layer,tokens"',
    ],
  ];
  for (const [text, message] of cases) {
    const { rows, issues } = readTable("dense", text, "dense.csv");
    assert.deepEqual(rows, []);
    assert.deepEqual(issues.map(renderIssue), [message]);
  }
});

Deno.test("readTable reads no row and no fault from a header alone", () => {
  assert.deepEqual(readTable("dense", HEADER, "dense.csv"), { rows: [], issues: [] });
});
