/** What stands for several harnesses and engines. */
import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Booted, HarnessInfo } from "../../src/harness/harness.ts";
import type { Limits } from "../../src/shots/limits.ts";
import { commonBooted, joinedInfo, kindDifferences } from "../../src/workers/alike.ts";
import { failure, gaveUp, newRestarts, refuseOther } from "../../src/workers/restarts.ts";
import { fakeHarness } from "../run/fakes.ts";

const { info } = fakeHarness();
const LIMITS: Limits = {
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
  num_cache_tokens: 1024,
  max_model_len: 512,
  num_experts: 8,
  top_k: 2,
  block_size: 16,
};
const BOOTED: Booted = {
  limits: LIMITS,
  num_gpu_blocks: 64,
  layers: { o_proj: { class: "O", modules: 1 }, norm: { class: "N", modules: 1 } },
  engine_args: { seed: 1 },
};
const engine = (limits: Partial<Limits>, more: Partial<Booted> = {}): Booted => ({
  ...BOOTED,
  ...more,
  limits: { ...LIMITS, ...limits },
});

for (
  const [field, least] of Object.entries({
    max_num_batched_tokens: 63,
    max_num_seqs: 7,
    num_cache_tokens: 1008,
    max_model_len: 500,
  })
) {
  Deno.test(`what stands for several engines has the least ${field}, wherever it is`, () => {
    const less = { name: "b", booted: engine({ [field]: least }, { engine_args: {} }) };
    const more = { name: "a", booted: BOOTED };
    assert.deepEqual(commonBooted([more, less]), engine({ [field]: least }));
    assert.deepEqual(commonBooted([less, more]), less.booted);
  });
}
Deno.test("what stands for several engines has the fewest blocks", () => {
  const engines = [64, 63, 65].map((num_gpu_blocks, n) => ({
    name: `${n}`,
    booted: { ...BOOTED, num_gpu_blocks },
  }));
  assert.equal(commonBooted([engines[0]!, ...engines.slice(1)]).num_gpu_blocks, 63);
});

const apart: [Booted, string][] = [
  [engine({ block_size: 32 }), "block_size 16 on a, 32 on c"],
  [engine({ num_experts: null }), "num_experts 8 on a, null on c"],
  [engine({ top_k: 4 }), "top_k 2 on a, 4 on c"],
  [engine({}, { layers: { norm: BOOTED.layers["norm"]! } }), "layers norm, o_proj on a, norm on c"],
];
for (const [booted, difference] of apart) {
  Deno.test(`one plan cannot serve engines that differ: ${difference}`, () => {
    const engines = [{ name: "b", booted: BOOTED }, { name: "c", booted }];
    assert.throws(() => commonBooted([{ name: "a", booted: BOOTED }, ...engines]), {
      name: "HarnessError",
      message: `Cannot fire one plan on engines that differ: ${difference}; measure on one of them at a time`,
      details: { stage: "boot", kind: "unsupported" },
    });
  });
}

const joined: [Partial<HarnessInfo>, Partial<HarnessInfo>][] = [
  [{}, {}],
  [{ device: "Slide rule" }, { device: "Abacus + Slide rule" }],
  [{ driver: "2", engine: "other" }, { driver: "none + 2", engine: "fake + other" }],
  [{ engine_version: "2.0" }, { engine_version: "1.0 + 2.0" }],
  [{ harness_version: "9", runtime: "bone" }, {}],
  [{ quantities: ["kernel", "wall"] }, {}],
  [{ quantities: ["kernel"] }, { quantities: [] }],
  [{ lanes: 3 }, { lanes: 5 }],
];
for (const [other, expected] of joined) {
  Deno.test(`what stands for several harnesses of which one has ${JSON.stringify(other)}`, () => {
    assert.deepEqual(joinedInfo([info, info, { ...info, ...other }]), { ...info, lanes: 3, ...expected });
  });
}

Deno.test("harnesses are held against the first, and only one difference of a field is told", () => {
  const named = (name: string, more: Partial<HarnessInfo>): { name: string; info: HarnessInfo } => ({
    name,
    info: { ...info, ...more },
  });
  assert.deepEqual(
    kindDifferences([
      named("a", {}),
      named("b", { harness_version: "2" }),
      named("c", { driver: "3", device: "Ruler" }),
      named("d", { driver: "4" }),
    ]),
    ["device Abacus on a, Ruler on c", "driver none on a, 3 on c"],
  );
});

Deno.test("what takes a broken harness's place must be of its kind", () => {
  refuseOther(info, { ...info, harness_version: "2", lanes: 2 });
  assert.throws(() => refuseOther(info, { ...info, device: "Ruler" }), {
    name: "UsageError",
    message: "Cannot replace the harness that broke by another kind (device Abacus on the one that broke, " +
      "Ruler on the new one); run again where it is the same, or with allowMixed (--allow-mixed), which is recorded",
  });
});

Deno.test("of a chunk that broke, shots are fired alone up to its end; another sweep begins anew", () => {
  const restarts = newRestarts();
  assert.equal(restarts.broke({ next: 2, end: 8 }), "again");
  assert.deepEqual([2, 7, 8, 9].map((next) => restarts.size(next, 64)), [1, 1, 64, 64]);
  assert.equal(restarts.broke({ next: 3, end: 4 }), "again", "another shot is blamed");
  assert.deepEqual(
    [4, 7, 8].map((next) => restarts.size(next, 64)),
    [1, 1, 64],
    "the end of the first stands",
  );
  assert.equal(restarts.broke({ next: 3, end: 4 }), "failed");
  assert.equal(restarts.breaks, 3);
  restarts.begin();
  assert.equal(restarts.size(2, 64), 64);
  assert.equal(restarts.broke({ next: 3, end: 4 }), "again", "a shot of another sweep is not to blame");
  assert.equal(restarts.breaks, 4);
});

Deno.test("a lane gives up at the sixth break without a measured shot, whatever broke", () => {
  const restarts = newRestarts();
  const chunks = [null, { next: 1, end: 1 }, null, { next: 1, end: 2 }, { next: 1, end: 2 }];
  assert.deepEqual(chunks.map((chunk) => restarts.broke(chunk)), [
    "again",
    "again",
    "again",
    "again",
    "failed",
  ]);
  assert.equal(restarts.broke(null), "give up");
  assert.equal(restarts.breaks, 6);
  restarts.measured();
  assert.equal(restarts.breaks, 0);
  assert.equal(restarts.broke(null), "again");
});

Deno.test("what ends a lane says how it broke at last, and a shot that broke it how it failed", () => {
  const cause = new HarnessError("the frame broke", { stage: "fire", kind: "timeout", exitCode: 3 });
  const end = gaveUp(cause, 6);
  assert.equal(
    end.message,
    "Cannot go on: the harness broke 6 times without a measured shot between, at last: the frame broke",
  );
  assert.deepEqual([end.details, end.cause], [cause.details, cause]);
  assert.deepEqual(failure(cause), {
    status: "failed",
    index: 0,
    kind: "timeout",
    message: "the frame broke",
  });
  for (const kind of ["protocol", "engine_dead", undefined]) {
    const { status, kind: told } = {
      kind: "",
      ...failure(new HarnessError("x", { stage: "fire", ...kind && { kind } })),
    };
    assert.deepEqual([status, told], ["failed", "engine_dead"]);
  }
});
