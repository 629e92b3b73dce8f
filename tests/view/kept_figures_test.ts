/**
 * Figures and the parts of reports are whole as they were: a change of one shows here, line by line. After one that is meant,
 * `deno run -A tests/view/keep_figures.ts` keeps them anew; read the difference before you commit it.
 */
import assert from "node:assert/strict";
import { KEPT, keptLines } from "./kept_figures.ts";
import { keptSections } from "./kept_sections.ts";

Deno.test("figures are drawn as they are kept", async () => {
  const kept = (await Deno.readTextFile("tests/data/figures.jsonl")).trimEnd().split("\n");
  const drawn = keptLines(KEPT);
  const name = (line: string): string => JSON.parse(line).slice(0, 2).join(", ");
  const changed = drawn.filter((line) => !kept.includes(line));
  assert.deepEqual(changed.map(name), [], changed.join("\n"));
  assert.deepEqual(kept, drawn);
});

Deno.test("the parts of reports have the words, tables and figures that are kept", async () => {
  assert.deepEqual(await keptSections(), JSON.parse(await Deno.readTextFile("tests/data/sections.json")));
});
