/** Sizes that no batch has are refused by every lookup, by their names; sizes that are none are passed on. */
import assert from "node:assert/strict";
import { batchBlocks } from "../../src/predict/batch_blocks.ts";
import { checkedPredictor } from "../../src/predict/checked.ts";
import { expectedExperts, expertLoad } from "../../src/predict/routing.ts";
import type { Predictor } from "../../src/predict/source.ts";

const asked: unknown[] = [];
const note = (...args: unknown[]): never => void asked.push(args.filter((arg) => arg !== undefined)) as never;
const names = [
  ...["dense", "perSequence", "mtp", "moe", "linearAttention", "attention", "kernelAttention"],
  ...["batch", "explainAttention", "explainBatch"],
] as const;
const checked = checkedPredictor(
  Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => note(name, ...args)]),
  ) as never as Predictor,
);

const ATTENTION = { chunk: 16, kvPrefill: 0, nDecode: 4, kvDecode: 128 };
const KERNEL = { chunk: 16, prefillKey: 8, nDecode: 4, kvDecode: 128 };
const PREFILL = { chunk: 16, history: 0 };
const DECODES = { kv: 128, count: 4 };
const batch = (prefill: object, decodes: object): never =>
  ({
    prefills: [PREFILL, { ...PREFILL, ...prefill }],
    decodes: [DECODES, { ...DECODES, ...decodes }],
  }) as never;

/** The size's name, and a lookup of it. */
const lookups: [name: string, look: (predictor: Predictor, size: number) => unknown][] = [
  ["tokens", (predictor, size) => predictor.dense(2, "o_proj", size)],
  ["sequences", (predictor, size) => predictor.perSequence(2, "lm_head", size)],
  ["tokens", (predictor, size) => predictor.mtp(2, "fc", size)],
  ["tokens", (predictor, size) => predictor.moe({ tokens: size, activatedExperts: 1 })],
  ["activatedExperts", (predictor, size) => predictor.moe({ tokens: 1, activatedExperts: size })],
  ["ep", (predictor, size) => predictor.moe({ tokens: 1, activatedExperts: 1, ep: size })],
  [
    "prefillTokens",
    (predictor, size) => predictor.linearAttention(2, "gdn", { prefillTokens: size, nDecode: 1 }),
  ],
  ["nDecode", (predictor, size) => predictor.linearAttention(2, "gdn", { prefillTokens: 1, nDecode: size })],
  ...Object.keys(ATTENTION).flatMap((name): typeof lookups => [
    [name, (predictor, size) => predictor.attention(2, { ...ATTENTION, [name]: size })],
    [name, (predictor, size) => predictor.explainAttention(2, { ...ATTENTION, [name]: size })],
  ]),
  ...[...Object.keys(KERNEL), "decodeQLen"].map((name): typeof lookups[number] => [
    name,
    (predictor, size) => predictor.kernelAttention(2, { ...KERNEL, [name]: size }),
  ]),
  ...["chunk", "history"].flatMap((name): typeof lookups => [
    [name, (predictor, size) => predictor.batch(2, batch({ [name]: size }, {}))],
    [name, (predictor, size) => predictor.explainBatch(2, batch({ [name]: size }, {}))],
  ]),
  ...["kv", "count"].flatMap((name): typeof lookups => [
    [name, (predictor, size) => predictor.batch(2, batch({}, { [name]: size }))],
    [name, (predictor, size) => predictor.explainBatch(2, batch({}, { [name]: size }))],
  ]),
];
for (const [index, [name, look]] of lookups.entries()) {
  Deno.test(`lookup ${index + 1} refuses a size of ${name} that no batch has, and takes others`, () => {
    asked.length = 0;
    for (const size of [-1, -0.5, NaN, Infinity]) {
      assert.throws(() => look(checked, size), {
        name: "RangeError",
        message: `Cannot look up a time: ${name} must be a number from 0, got ${size}`,
      });
    }
    assert.deepEqual(asked, []);
    for (const size of [0, 0.5, 7]) look(checked, size);
    assert.equal(asked.length, 3);
    asked.length = 0;
    const plain = {
      ...Object.fromEntries(names.map((each) => [each, (...args: unknown[]) => note(each, ...args)])),
    };
    look(checked, 7);
    look(plain as never as Predictor, 7);
    assert.deepEqual(asked[0], asked[1], "what was asked for is passed on as it is");
  });
}

const blocks: [number, number, number, boolean][] = [
  [16, 1, 2, true],
  [16, 15, 2, true],
  [17, 15, 3, true],
  [17, 16, 4, false],
  [16, 16, 3, true],
];
for (const [chunk, kv, count, fits] of blocks) {
  Deno.test(`a prefill of ${chunk} and a decode behind ${kv} tokens hold ${count} blocks of 16`, () => {
    const held = batchBlocks({ prefills: [{ chunk, history: 0 }], decodes: [{ kv, count: 1 }] }, {
      blocks: 4,
      blockSize: 16,
    });
    assert.deepEqual(held, { blocks: count, fits });
  });
}

const MOE = { numExperts: 8, topK: 2 };
/** Simulator, tokens, devices: tokens of a device and experts that get some. */
const loads: [Parameters<typeof expertLoad>[0], number, number, number, number][] = [
  ["august", 4, 1, 4, 8],
  ["august", 3, 1, 3, 6],
  ["august", 100, 1, 100, 8],
  ["august", 4, 2, 3, 4],
  ["august", 1, 2, 1, 1],
  ["august", 8, 4, 4, 2],
  ["august", 0, 2, 0, 0],
  ["august", 100, 16, 12, 1],
  ["v1.2", 1, 1, 1, 2],
  ["v1.2", 4, 1, 4, 5],
  ["v1.2", 100, 1, 100, 8],
  ["v1.2", 4, 2, 4, 3],
  ["v1.2", 0, 2, 0, 1],
];
for (const [simulator, tokens, ep, own, activatedExperts] of loads) {
  Deno.test(`${simulator} gives one of ${ep} devices ${own} of ${tokens} tokens on ${activatedExperts} experts`, () => {
    assert.deepEqual(expertLoad(simulator, MOE, { tokens, ep }), { tokens: own, activatedExperts });
  });
}

const shares: [number[], number, number | string][] = [
  [[0.5, 0.5, 0.5, 0.5], 1, 2],
  [[0.5, 0.5, 0.5, 0.5], 3, 4],
  [[1, 1, 0, 0], 100, 2],
  [[0.99, 1, 0, 0], 1, 2],
  [[0.5, 0.5, 1], 1, "there must be a share for each of the 4 experts, got 3"],
  [[1.1, 0.9, 0, 0], 1, "a share of tokens must be between 0 and 1, got 1.1"],
  [[-0.1, 1, 1, 0.1], 1, "a share of tokens must be between 0 and 1, got -0.1"],
  [[1, 1, NaN, 0], 1, "a share of tokens must be between 0 and 1, got NaN"],
  [[1, 0.5, 0.25, 0.125], 1, "the shares of all must add up to 2, the experts of a token, got 1.875"],
];
for (const [given, tokens, expected] of shares) {
  Deno.test(`experts that get some of ${tokens} tokens by the shares ${given}: ${expected}`, () => {
    const count = (): number => expectedExperts(given, { numExperts: 4, topK: 2 }, tokens);
    if (typeof expected === "number") return assert.equal(count(), expected);
    assert.throws(count, { name: "UsageError", message: `Cannot spread tokens over experts: ${expected}` });
  });
}
