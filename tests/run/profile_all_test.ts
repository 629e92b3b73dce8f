import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness } from "../../src/harness/harness.ts";
import { DEFAULT_MODELS, type ModelOutcome, profileAll } from "../../src/run/profile_all.ts";
import { FIFTH, GRID } from "./adaptive_grid.ts";
import { fakeHarness } from "./fakes.ts";
import { SMALL } from "./small_model.ts";
import { withFolder } from "./tiny_run.ts";

const { model: _, ...COMMON } = SMALL;

const brief = ({ model, bundle, error, measured, failed }: ModelOutcome): unknown[] => [
  model,
  bundle?.tps ?? error?.message,
  measured,
  failed,
];

Deno.test("profileAll measures the reference's models when none are named", () =>
  withFolder(async (dir) => {
    const outcomes = await profileAll({ ...COMMON, harness: "roofline:H100", perfDir: dir });
    assert.deepEqual(
      outcomes.map(({ model, error }) => [model, error]),
      DEFAULT_MODELS.map((m) => [m, null]),
    );
  }));

Deno.test("profileAll goes on when a model fails, and from what the bundles have when called again", () =>
  withFolder(async (dir) => {
    const input = {
      ...COMMON,
      perfDir: dir,
      models: ["Qwen/Qwen3-0.6B", { model: "Qwen/Qwen3-32B", tpDegrees: [1, 3] }, "meta-llama/Llama-3.1-8B"],
    };
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness());
    const first = await profileAll(input, { open });
    const shots = first[0]!.measured;
    assert.deepEqual(first.map(brief), [
      ["Qwen/Qwen3-0.6B", [1, 2], shots, 0],
      [
        "Qwen/Qwen3-32B",
        "Cannot shard the model to tp 3: intermediate_size must be divisible by it, got 25600; leave this degree out",
        0,
        0,
      ],
      ["meta-llama/Llama-3.1-8B", [1, 2], shots, 0],
    ]);
    const again = await profileAll(input, { open });
    assert.deepEqual(again.map(({ measured }) => measured), [0, 0, 0]);
  }));

Deno.test("profileAll counts what a model measured before its harness broke for good", () =>
  withFolder(async (dir) => {
    let opened = 0;
    const open = (): Promise<Harness> => {
      const dies = opened++ === 0
        ? fakeHarness({ mishap: (shot) => shot.category === "attention" ? "die" : undefined })
        : null;
      return dies ? Promise.resolve(dies) : Promise.resolve(fakeHarness({ mishap: () => "die" }));
    };
    const [outcome] = await profileAll({ ...COMMON, perfDir: dir, models: ["Qwen/Qwen3-0.6B"] }, { open });
    assert.ok(outcome!.error instanceof HarnessError);
    assert.equal(outcome!.bundle, null);
    assert.ok(outcome!.measured > 0);
    assert.ok(outcome!.failed > 0);
  }));

Deno.test("profileAll measures nothing when the settings of one model break a rule", () =>
  withFolder(async (dir) => {
    const models = ["Qwen/Qwen3-0.6B", { model: "Qwen/Qwen3-32B", tpDegrees: [2, 4] }];
    await assert.rejects(profileAll({ ...COMMON, perfDir: dir, models }), /1 must be among them/);
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));

Deno.test("profileAll that is aborted rejects with the signal's reason", () =>
  withFolder(async (dir) => {
    const controller = new AbortController();
    const onEvent = (): void => controller.abort(new Error("enough"));
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness());
    const run = profileAll({ ...COMMON, perfDir: dir }, { open, onEvent, signal: controller.signal });
    await assert.rejects(run, { message: "enough" });
  }));

Deno.test("adaptive runs lean on the models before them on the same hardware, and say which", () =>
  withFolder(async (dir) => {
    const { model: _, ...grid } = GRID;
    const outcomes = await profileAll({
      ...{ ...grid, ...FIFTH, skipSkew: true, perfDir: dir, harness: "roofline:H100" },
      models: [
        "Qwen/Qwen3-0.6B",
        { model: "Qwen/Qwen3-32B", hardware: "OTHER" },
        { model: "Qwen/Qwen3-8B", prior: `${dir}/OTHER/Qwen/Qwen3-32B/bf16` },
        "meta-llama/Llama-3.1-8B",
      ],
    });
    const leant = outcomes.map(({ bundle, error }) => error?.message ?? bundle?.meta.adaptive?.prior);
    assert.deepEqual(leant, [
      undefined,
      undefined,
      "TEST/Qwen/Qwen3-0.6B/bf16, OTHER/Qwen/Qwen3-32B/bf16",
      "TEST/Qwen/Qwen3-0.6B/bf16, TEST/Qwen/Qwen3-8B/bf16",
    ]);
    const { p90_with_prior, p90_without_prior } = outcomes[3]!.bundle!.meta.adaptive!.per_tp[1]!.attention!;
    assert.ok(p90_with_prior! <= p90_without_prior!);
  }));
