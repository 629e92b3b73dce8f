/** Keeps figures and the parts of reports as they are drawn now. */
import { KEPT, keptLines } from "./kept_figures.ts";
import { keptSections } from "./kept_sections.ts";

await Deno.writeTextFile("tests/data/figures.jsonl", `${keptLines(KEPT).join("\n")}\n`);
await Deno.writeTextFile("tests/data/sections.json", `${JSON.stringify(await keptSections(), null, 1)}\n`);
