/** Engines of a journal: what its lines say, of several lanes what each of them allows. */
import assert from "node:assert/strict";
import type { EngineLine } from "../../src/journal/line.ts";
import { bootedBefore } from "../../src/store/booted_before.ts";

const LIMITS = {
  ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000, max_model_len: 512 },
  ...{ num_experts: null, top_k: null, block_size: 16 },
};

function line(limits: object = {}, more: object = {}): EngineLine {
  return {
    ...{ type: "engine", tp: 1, limits: { ...LIMITS, ...limits }, num_gpu_blocks: 125, asked: "00" },
    ...{ layers: { proj: { class: "Linear", modules: 1 } }, engine_args: { seed: 1 }, ...more },
  } as EngineLine;
}

const GROUP = { kind: "sliding", block_size: 16, span: 128 };
const LANE = {
  limits: LIMITS,
  num_gpu_blocks: 125,
  layers: { proj: { class: "Linear", modules: 1 } },
  engine_args: { seed: 1 },
};
const table: readonly (readonly [what: string, lines: Record<string, EngineLine> | undefined, unknown])[] = [
  ["none", undefined, null],
  ["one", { "": line() }, LANE],
  [
    "one with conditions and groups of its cache, that can sustain",
    { "": line({}, { conditions: { values: "normal" }, caches: [GROUP], sustains: true, ep: undefined }) },
    { ...LANE, conditions: { values: "normal" }, caches: [GROUP], sustains: true },
  ],
  [
    "two lanes",
    { "device 0": line(), "device 1": line({ num_cache_tokens: 1600 }, { num_gpu_blocks: 100 }) },
    { ...LANE, limits: { ...LIMITS, num_cache_tokens: 1600 }, num_gpu_blocks: 100 },
  ],
  ["two lanes that one plan cannot serve", { a: line(), b: line({ block_size: 32 }) }, null],
  ["limits that are none", { "": line({ max_model_len: -1 }) }, null],
  ["limits that lack one", { "": line({ max_num_seqs: undefined }) }, null],
  ["one of two lanes with such limits", { a: line(), b: line({ top_k: "two" }) }, null],
  ["such a lane before a whole one", { a: line({ top_k: "two" }), b: line() }, null],
  ["groups that are none", { "": line({}, { caches: [{ kind: "round" }] }) }, null],
];
for (const [what, lines, expected] of table) {
  Deno.test(`an engine of a journal: ${what}`, () => {
    assert.deepEqual(bootedBefore(lines && new Map(Object.entries(lines))), expected);
  });
}
