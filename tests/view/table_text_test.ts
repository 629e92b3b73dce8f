/** Tables as text and as HTML, by hand: how they are shortened, narrowed, aligned and linked. */
import assert from "node:assert/strict";
import { tableHtml, tableText } from "../../src/view/table.ts";
import { menuChunks } from "../../src/view/report/menu_chunks.ts";

const lines = (...texts: string[]): string => texts.join("\n");
const counted = (count: number): { n: number }[] => Array.from({ length: count }, (_, n) => ({ n }));

const shortened: [rows: number, most: number | undefined, text: string][] = [
  [4, 4, "n\n0\n1\n2\n3"],
  [5, 4, lines("n", "0", "1", "2", "… 1 more …", "4")],
  [9, 8, lines("n", "0", "1", "2", "3", "4", "5", "… 1 more …", "7", "8")],
  [5, 3, lines("n", "0", "1", "2", "… 2 more …")],
];
for (const [rows, most, text] of shortened) {
  Deno.test(`a table of ${rows} rows of which ${most} are shown`, () => {
    assert.equal(tableText(counted(rows), most === undefined ? {} : { rows: most }), text);
  });
}

Deno.test("twenty rows are shown where nobody says how many", () => {
  assert.equal(tableText(counted(20)).split("\n").length, 21);
  assert.match(tableText(counted(21)), /\n14\n… 1 more …\n16\n/);
  assert.match(tableText(counted(2021)), /… 2,001 more …/);
});

const WORDS = [{ a: "one two three", b: "four five", n: 12 }];
const widths: [width: number, text: string][] = [
  [28, lines("a              b           n", "one two three  four five  12")],
  // 13 and 9 letters, 28 columns in all: the widest gives one up, then four, then down to the second and both on.
  [27, lines("a             b           n", "one two       four five  12", "three")],
  [24, lines("a          b           n", "one two    four five  12", "three")],
  [21, lines("a         b         n", "one two   four     12", "three     five")],
  [1, lines("a      b      n", "one    four  12", "two    five", "three")],
];
for (const [width, text] of widths) {
  Deno.test(`a table that has ${width} columns breaks its widest words`, () => {
    const found = tableText(WORDS, { width });
    if (width > 1) assert.ok(found.split("\n").every((line) => line.length <= width), found);
    assert.equal(found, text);
  });
}

const aligned: [values: unknown[], align: "left" | "right"][] = [
  [[1, 2.5], "right"],
  [[1n], "right"],
  [["1", "-2.5", "+3%", "≈4 µs", "<5ms", "1,024", "6x", "-"], "right"],
  [["1 s", null, "", undefined], "right"],
  [["one"], "left"],
  [[1, "one"], "left"],
  [["1 h"], "left"],
  [[null, ""], "left"],
  [[], "left"],
];
for (const [values, align] of aligned) {
  Deno.test(`cells of ${JSON.stringify(values, (_, part) => typeof part === "bigint" ? `${part}n` : part)} stand to the ${align}`, () => {
    const html = tableHtml([...values.map((a) => ({ a })), ...values.length === 0 ? [{ a: null }] : []]);
    const found = new Set([...html.matchAll(/<td style="text-align:(\w+)"/g)].map(([, side]) => side));
    assert.deepEqual([...found], [align]);
  });
}

Deno.test("cells are numbers in a few digits, texts, links, and all else as JSON", () => {
  assert.equal(
    tableText([{
      a: 1.23456,
      b: true,
      c: { text: "here", href: "x" },
      d: { n: 1n },
      e: [1, 2],
      f: { text: "only" },
    }]),
    lines("   a  b     c     d          e      f", '1.23  true  here  {"n":"1"}  [1,2]  {"text":"only"}'),
  );
  const html = tableHtml([{ c: { text: "<a>", href: 'x%20y"&' } }, { c: { href: "x" } }]);
  assert.match(html, /<a href="x%20y&quot;&amp;">&lt;a&gt;<\/a>/);
  assert.match(html, />{&quot;href&quot;:&quot;x&quot;}</);
});

const menus: [chunks: number[], shown: number[]][] = [
  [[0, 16, 32], [0, 16, 32]],
  [[0, 1, 2, 4, 8, 16, 32, 64], [0, 1, 2, 4, 8, 16, 32, 64]],
  [[0, 1, 2, 4, 8, 16, 32, 64, 128], [0, 1, 4, 16, 64, 128]],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 4, 9]],
];
for (const [chunks, shown] of menus) {
  Deno.test(`a menu of ${chunks} shows ${shown}`, () => assert.deepEqual(menuChunks(chunks), shown));
}
