import assert from "node:assert/strict";
import { binColumns } from "../../src/adaptive/bins.ts";
import { boostedTrees } from "../../src/adaptive/boost.ts";
import { packTrees } from "../../src/adaptive/forest.ts";
import { fitProcess } from "../../src/adaptive/gaussian_process.ts";
import { type LearnedModel, predictShots } from "../../src/adaptive/learned_model.ts";
import { attentionFeatures, splitFeatures } from "../../src/adaptive/features.ts";
import { featuresSideBySide, predictSideBySide, workOnParts } from "../../src/adaptive/side_by_side.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";
import { randomFrom } from "../../src/random.ts";

const COUNT = 40_000;
const random = randomFrom(2);
const columns = Array.from({ length: 3 }, () => Float64Array.from({ length: COUNT }, random));
const targets = columns[0]!.map((value, row) => Math.sin(9 * value) + columns[1]![row]!);
const known = Int32Array.from({ length: 200 }, (_, i) => 199 * i);
const every = Int32Array.from({ length: COUNT }, (_, row) => row);
const binned = binColumns(columns);
const options = { trees: 20, learningRate: 0.2, rowShare: 0.8, columnShare: 0.7, leaves: 20, minLeaf: 2 };
const trees = boostedTrees(binned, known, targets, { ...options, shrinkage: 0.1, seed: 1 });
const member = { lines: [{ level: 1, means: [0.5], weights: [2] }], trees: packTrees(trees) };
const MODELS: readonly (readonly [name: string, model: LearnedModel])[] = [
  ["trees", {
    members: [member, { ...member, trees: packTrees(trees.slice(10)) }],
    binned,
    linear: [columns[2]!],
    kernel: new Uint8Array(COUNT),
    learningRate: 0.2,
  }],
  ["process", fitProcess(columns, known, targets).model],
];

for (const [name, model] of MODELS) {
  Deno.test(`predictSideBySide: to the digit what one thread says by ${name}, of many shots and of few`, () => {
    for (const shots of [every, every.filter((row) => row % 9 === 0)]) {
      const alone = { logTimes: new Float64Array(COUNT), doubt: new Float64Array(COUNT) };
      predictShots(model, shots, alone);
      const said = predictSideBySide(model, shots, COUNT);
      assert.deepEqual([...said.logTimes], [...alone.logTimes]);
      assert.deepEqual([...said.doubt], [...alone.doubt]);
    }
  });
}

/** Shots of all kinds: decodes alone, one prefill, several, and several new tokens a decode. */
const SHOTS = Array.from({ length: COUNT }, (_, i): AttentionShot => ({
  ...{ category: "attention", tp: 1, n_decode: i % 7, kv_decode: 16 * (1 + i % 50) },
  ...i % 3 === 0 ? { prefill_chunk: 0, kv_prefill: 0 } : { prefill_chunk: 64 + i % 90, kv_prefill: i % 1000 },
  ...i % 6 === 1 ? { prefills: [[40, 9], [24 + i % 90, 5]] as const } : {},
  ...i % 5 === 0 ? { decode_q_len: 2, n_decode: 1 + i % 4 } : {},
})).filter(({ prefill_chunk, n_decode }) => prefill_chunk > 0 || n_decode > 0);

Deno.test("featuresSideBySide: to the digit what one thread says, of many shots and of few", () => {
  const kernel = { heads: 8, kvHeads: 2, multiprocessors: 16 };
  for (const shots of [SHOTS, SHOTS.slice(0, 50)]) {
    assert.deepEqual(featuresSideBySide("whole", shots, kernel), attentionFeatures(shots, kernel));
    assert.deepEqual(featuresSideBySide("split", shots, kernel), splitFeatures(shots, kernel));
  }
});

Deno.test("workOnParts: a part that fails is left, not done, and counted; parts that were begun are nobody's", () => {
  const counts = Int32Array.of(1, 0);
  const done = new Uint8Array(3);
  const shots = every.subarray(0, 5000);
  const said = { logTimes: new Float64Array(COUNT), doubt: new Float64Array(COUNT) };
  assert.throws(
    () => workOnParts({ task: { model: { members: null } as never, shots, said }, counts, done }),
    TypeError,
  );
  assert.deepEqual([[...counts], [...done]], [[2, 1], [0, 0, 0]]);
  workOnParts({ task: { model: MODELS[1]![1], shots, said }, counts, done });
  assert.deepEqual([[...counts], [...done]], [[4, 2], [0, 0, 1]]);
  assert.equal(said.logTimes[0], 0);
  assert.notEqual(said.logTimes[4999], 0);
});
