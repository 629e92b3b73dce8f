import assert from "node:assert/strict";
import { checkPhysics } from "../../src/check/physics.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { Row } from "../../src/bundle/tables.ts";
import type { Category } from "../../src/shots/shot.ts";

/** Rows of one layer: sizes and times. */
function rows(layer: string | null, times: Readonly<Record<string, number>>): Row[] {
  return Object.entries(times).map(([key, timeUs]) => ({ layer, key: key.split(",").map(Number), timeUs }));
}

type Tables = Readonly<Partial<Record<Category, readonly Row[]>>>;

function findings(...degrees: Tables[]): string[] {
  const tps = degrees.map((_, i) => 2 ** i);
  const table = (tp: number, category: Category): readonly Row[] => degrees[tps.indexOf(tp)]![category] ?? [];
  return checkPhysics({ dir: ".", tps, table }).map(renderIssue);
}

const NOTHING: Record<string, Tables[]> = {
  "times that grow": [{ dense: rows("o_proj", { 16: 5, 32: 6, 64: 11 }) }],
  "times that fall a little": [{ dense: rows("o_proj", { 16: 5, 32: 4 }) }],
  "a step as steep as the size": [{ dense: rows("o_proj", { 16: 5, 64: 30 }) }],
  "experts that cost": [{ moe: rows(null, { "64,8": 50, "64,16": 90 }) }],
  "few tokens that cannot reach more experts": [{ moe: rows(null, { "1,8": 50 }) }],
  "a degree that gains": [{ dense: rows("o_proj", { 16: 5 }) }, { dense: rows("o_proj", { 16: 3 }) }],
  "a layer that does not depend on the degree": [
    { dense: rows("layernorm", { 16: 5 }) },
    { dense: rows("layernorm", { 16: 5 }) },
  ],
};

for (const [name, tables] of Object.entries(NOTHING)) {
  Deno.test(`checkPhysics has nothing to say about ${name}`, () => assert.deepEqual(findings(...tables), []));
}

Deno.test("checkPhysics warns of a time that falls while the size doubles, with the worst place", () => {
  assert.deepEqual(findings({ dense: rows("embedding", { 8: 6, 10: 6, 16: 4, 20: 3 }) }), [
    "warning: tp1/dense.csv, key tokens: embedding: The time falls while tokens doubles, at 2 places; " +
    "expected no less than 0.75 of it, found 0.50 of the time at tokens 20",
  ]);
  assert.deepEqual(findings({ attention: rows(null, { "16,64,2,512": 40, "16,128,2,512": 20 }) }), [
    "warning: tp1/attention.csv, key kv_prefill: The time falls while kv_prefill doubles, at 1 place; expected " +
    "no less than 0.75 of it, found 0.50 of the time at prefill_chunk 16, kv_prefill 128, n_decode 2, kv_decode 512",
  ]);
});

Deno.test("checkPhysics warns of a sudden step", () => {
  assert.deepEqual(findings({ per_sequence: rows("sampler", { 16: 5, 17: 10, 18: 10 }) }), [
    "warning: tp1/per_sequence.csv, key sequences: sampler: The time jumps from one size to the next, at 1 place; " +
    "expected less than 1.8 times the growth of sequences, found 2.00 times at sequences 17",
  ]);
});

Deno.test("checkPhysics warns of experts that cost nothing", () => {
  assert.deepEqual(findings({ moe: rows(null, { "64,8": 50, "64,64": 51, "128,8": 80, "128,64": 80 }) }), [
    "warning: tp1/moe.csv, key activated_experts: The time does not grow with the experts, as if the routing were " +
    "not the forced one; expected 1.1 times somewhere, found 1.02 times at most",
  ]);
});

Deno.test("checkPhysics warns of a larger degree that is slower", () => {
  assert.deepEqual(
    findings({ dense: rows("o_proj", { 16: 5, 32: 6 }) }, { dense: rows("o_proj", { 16: 6, 32: 9 }) }),
    [
      "warning: tp2/dense.csv, key time_us: o_proj: A device's share at tp 2 takes longer than at tp 1; " +
      "expected at most 1.05 times, found 1.50 times at the median",
    ],
  );
});

const foundOf = (texts: readonly string[]): string[] => texts.map((text) => text.split("found ")[1]!);

Deno.test("checkPhysics tells the first of two places that are equally bad, and sorts sizes itself", () => {
  const fallen = rows("embedding", { 1: 4, 2: 2, 32: 8, 64: 4 });
  assert.deepEqual(foundOf(findings({ dense: fallen })), ["0.50 of the time at tokens 2"]);
  assert.deepEqual(foundOf(findings({ dense: fallen.toReversed() })), ["0.50 of the time at tokens 64"]);
  const stepped = rows("sampler", { 16: 5, 17: 10, 39: 20, 40: 40 });
  for (
    const order of [
      stepped,
      stepped.toReversed(),
      stepped.toSorted((a, b) => a.timeUs % 7 - b.timeUs % 7),
    ]
  ) {
    assert.deepEqual(foundOf(findings({ per_sequence: order })), ["2.00 times at sequences 17"]);
  }
  assert.equal(findings({ attention: rows(null, { "0,0,1,16": 8, "0,0,2,16": 4 }) }).length, 1);
});

Deno.test("checkPhysics sorts experts itself, and takes a number of them that was measured once for no growth", () => {
  assert.deepEqual(findings({ moe: rows(null, { "64,64": 90, "64,8": 50, "64,32": 60 }) }), []);
  assert.deepEqual(findings({ moe: rows(null, { "64,64": 50, "64,8": 90, "64,32": 60 }) }).length, 1);
  assert.deepEqual(findings({ moe: rows(null, { "64,8": 50, "128,8": 50 }) }), []);
});
