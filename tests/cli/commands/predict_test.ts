/** `shotlab predict`: its answers, and its exit status. */
import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

const BUNDLE = "perf/H100/meta-llama/Llama-3.1-8B/bf16";
const DENSE = '{"kind":"dense","tp":1,"layer":"o_proj","tokens":16}';
const ITERATION =
  '{"kind":"iteration","tp":1,"model":"meta-llama/Llama-3.1-8B","prefills":[],"decodes":[[1024,16]]}';
const UNKNOWN = '{"kind":"dense","tp":3,"layer":"o_proj","tokens":16}';

/** Each set of queries: the exit status, how many answers are times, and what standard error has. */
const CASES: readonly (readonly [string, readonly string[], number, number, string])[] = [
  ["all are answered", [DENSE, ITERATION], 0, 2, ""],
  ["one of several fails", [DENSE, UNKNOWN, "not json"], 0, 1, ""],
  ["all fail", [UNKNOWN, "not json"], 1, 0, "error: Cannot answer any of 2 queries\n"],
  ["the only one fails", [UNKNOWN], 1, 0, "error: Cannot answer the query\n"],
  ["none is asked", ["", "  "], 0, 0, ""],
];

for (const [name, queries, expected, times, told] of CASES) {
  Deno.test(`shotlab predict: ${name}`, async () => {
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, queries.join("\n"));
    const { status, out, err } = await runMain(["predict", BUNDLE, "--queries", file]);
    await Deno.remove(file);
    const answers = out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    assert.equal(answers.length, queries.filter((query) => query.trim() !== "").length);
    assert.equal(answers.filter(({ ns }) => ns > 0).length, times);
    assert.deepEqual([status, err], [expected, told]);
  });
}
