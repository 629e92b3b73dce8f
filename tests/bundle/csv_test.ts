import assert from "node:assert/strict";
import { visitLines } from "../../src/bundle/csv.ts";

function cells(text: string): unknown[] {
  const lines: unknown[] = [];
  visitLines(text, (line) => lines.push(Array.from({ length: line.length }, (_, index) => line.text(index))));
  return lines;
}

function values(text: string): number[] {
  const found: number[] = [];
  visitLines(text, (line) => {
    for (let index = 0; index < line.length; index++) found.push(line.value(index));
  });
  return found;
}

Deno.test("visitLines tells cells apart, whatever the line ending, the mark and the quotes", () => {
  const cases: [string, unknown[]][] = [
    ["", []],
    ["a,b\n1,2\n", [["a", "b"], ["1", "2"]]],
    ["a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]],
    ["a,b\r\n1,2\n", [["a", "b"], ["1", "2"]]],
    ["\uFEFFa,b\n", [["a", "b"]]],
    ["a,b\n\n  \n1,2", [["a", "b"], [], [], ["1", "2"]]],
    ["a,,\n,-\n", [["a", "", ""], ["", "-"]]],
    ["a,\n", [["a", ""]]],
    ["a,", [["a", ""]]],
    ['"a",b\r\n"1,5",2\n', [["a", "b"], ["1,5", "2"]]],
    ['"a",b\n\n1,2', [["a", "b"], [], ["1", "2"]]],
    ['"a",b\n  \n1,2', [["a", "b"], [], ["1", "2"]]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(cells(text), expected, JSON.stringify(text));
});

Deno.test("visitLines says whether a line break ends a line, and gives its source", () => {
  for (const text of ["a,b\n\n1,2", 'a,"b"\n\n1,2']) {
    const seen: unknown[] = [];
    visitLines(text, (line) => seen.push([line.number, line.terminated, line.source()]));
    assert.deepEqual(seen.at(1), [2, true, ""]);
    assert.deepEqual(seen.at(2), [3, false, "1,2"]);
  }
});

Deno.test("visitLines has no text and no number of a cell that a line does not have", () => {
  for (const text of ["a,b\n1,2", 'a,"b"\n1,2']) {
    const beyond: unknown[] = [];
    visitLines(text, (line) => beyond.push(line.text(2), line.value(2)));
    assert.deepEqual(beyond, ["", NaN, "", NaN]);
  }
});

Deno.test("visitLines reads decimal numbers and nothing else", () => {
  const cases: [string, number][] = [
    ["12.5", 12.5],
    ["-0.0", -0],
    ["5.", 5],
    [".5", 0.5],
    [" 12.5 ", 12.5],
    ["+3", 3],
    ["1.23457e+06", 1234570],
    ["1e-07", 1e-7],
    ["123456789012345678", 123456789012345678],
    ["0.1234567890123456789", 0.1234567890123456789],
    ["1e999", Infinity],
    ["", NaN],
    [" ", NaN],
    ["-", NaN],
    [".", NaN],
    ["1.2.3", NaN],
    ["0x10", NaN],
    ["Infinity", NaN],
    ["nan", NaN],
    ["1 2", NaN],
    ["1_000", NaN],
    ["1:2", NaN],
    ["1/2", NaN],
    ["1\\2", NaN],
    ["1;2", NaN],
    ["Z5", NaN],
  ];
  for (const [text, expected] of cases) {
    const [scanned] = values(`${text},x\n`);
    const [parsed] = values(`${text},"x"\n`);
    assert.ok(Object.is(scanned, expected), `scanned ${text}: ${scanned}`);
    assert.ok(Object.is(parsed, expected), `parsed ${text}: ${parsed}`);
  }
});

Deno.test("visitLines reads a number to the bit as Number does", () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const texts = Array.from({ length: 3000 }, () => {
    const value = (random() - 0.2) * 10 ** Math.floor(random() * 12 - 4);
    const digits = Math.floor(random() * 12);
    return random() < 0.5 ? value.toFixed(digits) : String(Number(value.toPrecision(digits + 1)));
  });
  assert.deepEqual(values(`${texts.join(",")}\n`), texts.map(Number));
});
