import assert from "node:assert/strict";
import { binColumns } from "../../src/adaptive/bins.ts";
import { boostedTrees } from "../../src/adaptive/boost.ts";
import { packTrees } from "../../src/adaptive/forest.ts";
import { fitProcess } from "../../src/adaptive/gaussian_process.ts";
import { type LearnedModel, predictShots } from "../../src/adaptive/learned_model.ts";
import { attentionFeatures, splitFeatures } from "../../src/adaptive/features.ts";
import {
  featuresSideBySide,
  keepThreads,
  predictSideBySide,
  treesSideBySide,
  workOnParts,
} from "../../src/adaptive/side_by_side.ts";
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

const MEMBERS = [7, 11, 13].map((step, seed) => ({
  rows: Int32Array.from({ length: 700 }, (_, i) => step * i),
  targets,
  options: { ...options, shrinkage: 0.1, seed },
}));
for (const [who, keep] of [["threads that are kept", true], ["one thread", false]] as const) {
  Deno.test(`treesSideBySide: the trees of each member to the digit, by ${who}`, () => {
    using _threads = keep ? keepThreads() : null;
    for (const members of [MEMBERS, MEMBERS.slice(2)]) {
      const alone = members.map((member) =>
        packTrees(boostedTrees(binned, member.rows, member.targets, member.options))
      );
      for (const [at, { nodes, values, starts }] of treesSideBySide(binned, members).entries()) {
        const size = alone[at]!.nodes.length;
        assert.deepEqual([...starts], [...alone[at]!.starts]);
        assert.deepEqual([...nodes.subarray(0, size)], [...alone[at]!.nodes]);
        assert.deepEqual([...values.subarray(0, size)], [...alone[at]!.values]);
      }
    }
  });
}

Deno.test("threads are kept for one work after the other, until the last keeper is gone", () => {
  const Usual = globalThis.Worker;
  let [begun, ended] = [0, 0];
  globalThis.Worker = class extends Usual {
    constructor(...given: ConstructorParameters<typeof Usual>) {
      super(...given);
      begun++;
    }
    override terminate(): void {
      ended++;
      super.terminate();
    }
  };
  const model = MODELS[0]![1];
  const some = every.subarray(0, 10_000);
  try {
    {
      using _outer = keepThreads();
      {
        using _inner = keepThreads();
        const said = predictSideBySide(model, every, COUNT);
        const first = begun;
        assert.deepEqual(
          predictSideBySide(model, some, COUNT).logTimes.slice(0, 10_000),
          said.logTimes.slice(0, 10_000),
        );
        assert.equal(begun, first);
      }
      assert.equal(ended, 0);
    }
    assert.equal(ended, begun);
    const before = begun;
    predictSideBySide(model, some, COUNT); // few: not worth a start
    assert.equal(begun, before);
    predictSideBySide(model, every, COUNT);
    assert.equal(ended, begun);
  } finally {
    globalThis.Worker = Usual;
  }
});

const KERNEL = { heads: 8, kvHeads: 2, multiprocessors: 16 };
/** Shots of all kinds: decodes alone, one prefill, several, and several new tokens a decode. */
const SHOTS = Array.from({ length: COUNT }, (_, i): AttentionShot => ({
  ...{ category: "attention", tp: 1, n_decode: i % 7, kv_decode: 16 * (1 + i % 50) },
  ...i % 3 === 0 ? { prefill_chunk: 0, kv_prefill: 0 } : { prefill_chunk: 64 + i % 90, kv_prefill: i % 1000 },
  ...i % 6 === 1 ? { prefills: [[40, 9], [24 + i % 90, 5]] as const } : {},
  ...i % 5 === 0 ? { decode_q_len: 2, n_decode: 1 + i % 4 } : {},
})).filter(({ prefill_chunk, n_decode }) => prefill_chunk > 0 || n_decode > 0);

Deno.test("featuresSideBySide: to the digit what one thread says, of many shots and of few", () => {
  for (const shots of [SHOTS, SHOTS.slice(0, 50)]) {
    assert.deepEqual(featuresSideBySide("whole", shots, KERNEL), attentionFeatures(shots, KERNEL));
    assert.deepEqual(featuresSideBySide("split", shots, KERNEL), splitFeatures(shots, KERNEL));
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
