import assert from "node:assert/strict";
import { formatOutcomes } from "../../../src/cli/commands/profile_all.ts";
import { HarnessError, UsageError } from "../../../src/errors.ts";
import { resolveModels } from "../../../src/settings/models_file.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { runMain } from "../run_main.ts";

const FILE = `
hardware: H100
harness: roofline:H100
preset: quick
models:
  - Qwen/Qwen3-0.6B
  - { model: Qwen/Qwen3-32B, tpDegrees: [1, 3] }
  - { model: meta-llama/Llama-3.1-8B, tpDegrees: [1] }
`;

async function withFile(text: string, use: (path: string, dir: string) => Promise<void>): Promise<void> {
  await withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/models.yaml`, text);
    await use(`${dir}/models.yaml`, dir);
  });
}

Deno.test("shotlab profile-all measures the models of a file, and ends with a table", () =>
  withFile(FILE, async (path, dir) => {
    const { status, out, err } = await runMain(["profile-all", "--file", path, "--perf-dir", dir]);
    assert.equal(status, 1);
    const lines = out.trim().split("\n").map((line) => line.replace(/\d+\.\d s/, "T").split(/ {2,}/));
    assert.deepEqual(lines, [
      ["model", "tp", "measured", "failed", "time", "bundle"],
      ["Qwen/Qwen3-0.6B", "1,2", lines[1]![2]!, "0", "T", `${dir}/H100/Qwen/Qwen3-0.6B/bf16`],
      ["Qwen/Qwen3-32B", "-", "0", "0", "T", lines[2]![5]!],
      ["meta-llama/Llama-3.1-8B", "1", lines[3]![2]!, "0", "T", `${dir}/H100/meta-llama/Llama-3.1-8B/bf16`],
    ]);
    assert.match(lines[2]![5]!, /^none: Cannot shard the model to tp 3: .*…$/);
    assert.match(err, /^Qwen\/Qwen3-0\.6B \(1 of 3\)$/m);
    assert.match(err, /^error: Cannot shard the model to tp 3: intermediate_size/m);
  }));

Deno.test("shotlab profile-all takes models and settings from flags, which win over the file", () =>
  withFile(FILE, async (path, dir) => {
    const flags = ["--models", "Qwen/Qwen3-32B", "--tp-degrees", "1,2", "--hardware", "BOX", "--silent"];
    const { status, out } = await runMain(["profile-all", "--file", path, "--perf-dir", dir, ...flags]);
    assert.equal(status, 0);
    assert.match(out, /^Qwen\/Qwen3-32B +1,2 .*\/BOX\/Qwen\/Qwen3-32B\/bf16$/m);
    assert.equal(out.trim().split("\n").length, 2);
  }));

Deno.test("shotlab profile-all starts one worker for all models", () =>
  withFolder(async (dir) => {
    const worker =
      `echo started >> ${dir}/starts; exec ${Deno.execPath()} run -A tests/bench/instant_worker.ts`;
    const args = [
      "--models",
      "Qwen/Qwen3-0.6B,meta-llama/Llama-3.1-8B",
      "--hardware",
      "BOX",
      "--preset",
      "quick",
    ];
    const harness = [
      "--harness",
      `cmd:sh -c '${worker}'`,
      "--sentinel-s",
      "0",
      "--tp-degrees",
      "1",
      "--silent",
    ];
    const { status, err } = await runMain(["profile-all", ...args, ...harness, "--perf-dir", dir]);
    assert.equal(status, 0, err);
    assert.equal(await Deno.readTextFile(`${dir}/starts`), "started\n");
  }));

const WRONG: Record<string, [text: string, message: RegExp]> = {
  "no list": ["models: Qwen/Qwen3-32B\n", /^error: Cannot read \S+: models must be a list\n$/],
  "an empty list": ["models: []\n", /^error: Cannot read \S+: models must name one model or more\n$/],
  "an entry without a model": [
    "models: [{ tpDegrees: [1] }]\n",
    /^error: Cannot read \S+: models\.0 must be <org>\/<name>, or settings with a model among them\n$/,
  ],
  "no settings": ["- a\n", /^error: Cannot read \S+: it must be settings, models among them\n$/],
  "an unknown setting": [
    "hardware: H100\ntpDegree: [1]\n",
    /^error: There is no option tpDegree: did you mean tpDegrees\n$/,
  ],
  "a wrong value": [
    "hardware: H100\nmaxNumSeqs: 0\n",
    /^error: Cannot use maxNumSeqs: 0: expected an integer of at least 1\n$/,
  ],
  "no hardware": ["maxNumSeqs: 4\n", /^error: No hardware given: pass --hardware <name> or set HARDWARE\n$/],
};
for (const [name, [text, message]] of Object.entries(WRONG)) {
  Deno.test(`shotlab profile-all refuses a file with ${name}`, () =>
    withFile(text, async (path) => {
      const { status, out, err } = await runMain(["profile-all", "--file", path]);
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, message);
    }));
}

Deno.test("resolveModels: flags win over a model's own settings, these over the file's, these over the environment", () => {
  const file = {
    common: { hardware: "FILE", maxNumSeqs: 8, attentionMaxKv: 64 },
    models: [{ model: "a/b", maxNumSeqs: 4, seed: 3 }],
  };
  const [own, other] = resolveModels(file, ["a/b", "c/d"], { seed: "5", dtype: undefined }, {
    HARDWARE: "ENV",
    MAX_NUM_BATCHED_TOKENS: "32",
  });
  const some = ({ hardware, maxNumSeqs, seed, maxNumBatchedTokens }: NonNullable<typeof own>): unknown[] => [
    hardware,
    maxNumSeqs,
    seed,
    maxNumBatchedTokens,
  ];
  assert.deepEqual(some(own!), ["FILE", 4, 5, 32]);
  assert.deepEqual(some(other!), ["FILE", 8, 5, 32]);
});

Deno.test("formatOutcomes lines columns up, and shortens what went wrong", () => {
  const none = { bundle: null, measured: 0, failed: 0, inDoubt: 0, seconds: 3 };
  assert.equal(
    formatOutcomes([
      { ...none, model: "a/b", error: new UsageError("Cannot download it") },
      {
        ...none,
        model: "long/name",
        measured: 12_345,
        error: new HarnessError("x".repeat(90), { stage: "boot" }),
      },
    ]),
    "model      tp  measured  failed   time  bundle\n" +
      "a/b        -          0       0  3.0 s  none: Cannot download it\n" +
      `long/name  -      12345       0  3.0 s  none: ${"x".repeat(73)}…\n`,
  );
});
