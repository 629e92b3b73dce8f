/** Numbers of things in words, and that all texts write them by `plural`. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { formatCount, plural } from "../src/count_text.ts";

for (const [value, text] of [[7, "7"], [2048, "2,048"], [1_234_567, "1,234,567"]] as const) {
  Deno.test(`formatCount writes ${value} as '${text}'`, () => assert.equal(formatCount(value), text));
}

Deno.test("one thing and several", () => {
  assert.deepEqual([0, 1, 2048].map((count) => plural(count, "row")), ["0 rows", "1 row", "2,048 rows"]);
  assert.deepEqual([1, 2].map((count) => plural(count, "entry", "entries")), ["1 entry", "2 entries"]);
});

/** What is counted somewhere. */
const THINGS = [
  ...[
    "batches",
    "blocks",
    "bytes",
    "cases",
    "cells",
    "characters",
    "decodes",
    "degrees",
    "devices",
    "errors",
  ],
  ...[
    "entries",
    "experts",
    "files",
    "groups",
    "iterations",
    "keys",
    "lanes",
    "layers",
    "lines",
    "notices",
    "places",
  ],
  ...[
    "ranks",
    "requests",
    "results",
    "rows",
    "runs",
    "samples",
    "shots",
    "steps",
    "texts",
    "times are",
    "tokens",
  ],
];

/** What may stand before a thing: a constant, a kind's name, a rate, a cell of a table. */
const NO_COUNT = /^\s*(?:[A-Z_]+|category|which|significant\(.*|packed\.\w+|.*\.padStart\(\d\))\s*$/;

/** Counts that a text writes without `plural`: a value in a template, and right behind it a thing in the plural. */
function counted(source: string): string[] {
  const thing = String.raw`(?:(?!of\b|in\b|on\b)[a-zA-Z]+ )?(?:${THINGS.join("|")})\b(?!/)`;
  const pattern = new RegExp(String.raw`(?<! to )\$\{([^{}]*)\} ${thing}`, "g");
  return [...source.matchAll(pattern)].filter(([, value]) => !NO_COUNT.test(value!)).map(([found]) => found);
}

const written: readonly (readonly [text: string, faults: number])[] = [
  ["${n} shots failed", 1],
  ["${failed.length} shots failed, ${known} results known", 2],
  ["a chunk of ${\n  formatCount(tokens)\n} new tokens", 1],
  ['${plural(n, "shot")} failed', 0],
  ['${plural(n, "group")} of layers', 0],
  ["${MAX_SHOTS} shots at most", 0],
  ["of ${category} shots", 0],
  ["${least} to ${most} samples", 0],
  ["${significant(rate)} requests a step, ${rate} shots/s", 0],
];
for (const [text, faults] of written) {
  Deno.test(`'${text}' has ${plural(faults, "count")} without a singular`, () => {
    assert.equal(counted(text).length, faults);
  });
}

Deno.test("every text counts things by plural, so that one of them is in the singular", async () => {
  const faults: string[] = [];
  for (const folder of ["src", "tasks"]) {
    for (const name of await readdir(folder, { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      const source = await Deno.readTextFile(`${folder}/${name}`);
      faults.push(...counted(source).map((found) => `${folder}/${name}: ${found}`));
    }
  }
  assert.deepEqual(faults, []);
});
