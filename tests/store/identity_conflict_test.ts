/** Whether a bundle may be extended: who measured it, by its journal or else by its meta.yaml, and who would now. */
import assert from "node:assert/strict";
import type { Meta } from "../../src/bundle/meta.ts";
import type { Identity } from "../../src/journal/identity.ts";
import { identityConflict } from "../../src/store/identity_conflict.ts";

const NOW = {
  ...{ engine: "vllm", engine_version: "0.19.0", device: "H100", driver: "570" },
  ...{ dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "kernel" },
} as unknown as Identity;
const META = { ...NOW, devices: ["H100"] } as unknown as Meta;

const metas: [what: string, meta: Partial<Meta> | null, differences: string[]][] = [
  ["no meta.yaml", null, []],
  ["the same", META, []],
  ["another engine", { ...META, engine: "other" }, ["engine other there, vllm now"]],
  ["a version of vLLM alone", { vllm_version: "0.19.0", gpu: "H100" } as Partial<Meta>, []],
  ["another version of vLLM", { vllm_version: "0.18.0" } as Partial<Meta>, [
    "engine_version 0.18.0 there, 0.19.0 now",
  ]],
  ["another GPU", { gpu: "A100" } as Partial<Meta>, ["device A100 there, H100 now"]],
  ["devices, the last of which counts", { devices: ["A100", "H100"] } as unknown as Partial<Meta>, []],
  ["devices before the GPU", { devices: ["A100"], gpu: "H100" } as unknown as Partial<Meta>, [
    "device A100 there, H100 now",
  ]],
  [
    "an engine's version before vLLM's",
    { engine_version: "0.18.0", vllm_version: "0.19.0" } as Partial<Meta>,
    [
      "engine_version 0.18.0 there, 0.19.0 now",
    ],
  ],
  ["nothing", {} as Partial<Meta>, []],
];
for (const [what, meta, differences] of metas) {
  Deno.test(`a bundle without a journal whose meta.yaml names ${what}: ${differences.join("; ") || "no conflict"}`, () => {
    assert.deepEqual(identityConflict([], meta as Meta | null, NOW), differences);
  });
}

Deno.test("an engine that names no version of vLLM is another one's where the meta.yaml has vLLM's alone", () => {
  const other = { ...NOW, engine: "fake" } as Identity;
  const told = identityConflict([], { vllm_version: "0.19.0" } as Meta, other);
  assert.deepEqual(told, ["engine vllm there, fake now"]);
  assert.deepEqual(identityConflict([], {} as Meta, other), []);
});

Deno.test("a locked clock is compared where meta.yaml names one number of it", () => {
  const locked = { ...NOW, clock_mhz: 1500 } as Identity;
  const meta = (clock_mhz: unknown): Meta => ({ ...META, conditions: { clock_mhz } }) as unknown as Meta;
  assert.deepEqual(identityConflict([], meta(1500), locked), []);
  assert.deepEqual(identityConflict([], meta(1400), locked), ["clock 1400 MHz there, 1500 MHz now"]);
  assert.deepEqual(identityConflict([], meta("unlocked"), NOW), []);
});

Deno.test("a journal's sessions come before meta.yaml; one that is the same is enough, else the last one's tells", () => {
  const [old, older] = [{ ...NOW, device: "A100" }, { ...NOW, device: "V100" }] as [Identity, Identity];
  const other = { ...META, devices: ["A100"] } as unknown as Meta;
  assert.deepEqual(identityConflict([NOW], other, NOW), []);
  assert.deepEqual(identityConflict([NOW, old], META, NOW), []);
  assert.deepEqual(identityConflict([older, old], META, NOW), ["device A100 there, H100 now"]);
});
