import assert from "node:assert/strict";
import { resolveFlags, resolveSettings, type Settings } from "../src/settings.ts";
import { OPTIONS, SETTINGS } from "../src/settings/table.ts";
import { REQUIRED, without } from "./settings/required.ts";

const DEFAULTS: Settings = {
  ...REQUIRED,
  tpDegrees: [1, 2, 4],
  dtype: null,
  kvCacheDtype: "auto",
  variant: null,
  revision: null,
  maxNumBatchedTokens: 2048,
  maxNumSeqs: 256,
  denseStep: 16,
  attentionMaxKv: 16384,
  grid: "august",
  attentionChunkFactor: 2,
  attentionKvFactor: 2,
  attentionNFactor: 2,
  decodeQLens: [1],
  epDegrees: [1],
  parity: false,
  skipSkew: false,
  onlySkew: false,
  skewMode: "interpolated",
  skewNFactor: 2,
  skewPcFactor: 2,
  skewKpFactor: 2,
  skewKvsFactor: 2,
  adaptive: null,
  budget: null,
  prior: null,
  measurementIterations: 3,
  quantity: null,
  precision: null,
  seed: 0,
  sentinelS: 30,
  clock: null,
  sustainS: 0.5,
  sustainShots: "some",
  driftShare: null,
  acceptSpeed: false,
  harness: "vllm",
  transport: [],
  devices: [],
  helloTimeoutS: 120,
  bootTimeoutS: 600,
  shotTimeoutS: 120,
  force: false,
  yes: false,
  exactGrid: false,
  retryFailed: false,
  allowMixed: false,
  verbosity: "info",
  perfDir: "perf",
  configDir: "configs",
};

Deno.test("resolveSettings: every setting has its default, and the result is frozen", () => {
  const settings = resolveSettings(REQUIRED);
  assert.deepEqual(settings, DEFAULTS);
  assert(Object.isFrozen(settings) && Object.isFrozen(settings.tpDegrees));
});

/** What a setting accepts: as an environment variable's text, and the value it becomes. */
const ACCEPTED: readonly (readonly [keyof Settings, string, unknown])[] = [
  ["model", "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"],
  ["hardware", "RTX_4090-48G", "RTX_4090-48G"],
  ["tpDegrees", "1", [1]],
  ["tpDegrees", "4, 1,2", [1, 2, 4]],
  ["dtype", "float16", "float16"],
  ["dtype", "auto", null],
  ["kvCacheDtype", "fp8", "fp8"],
  ["variant", "bf16-kvfp8", "bf16-kvfp8"],
  ["revision", "refs/pr/1", "refs/pr/1"],
  ["maxNumBatchedTokens", "1", 1],
  ["maxNumSeqs", " 64 ", 64],
  ["denseStep", "1", 1],
  ["denseStep", "2", 2],
  ["denseStep", " 4 ", 4],
  ["denseStep", "8", 8],
  ["denseStep", "16", 16],
  ["devices", " 1 , 0 ", [1, 0]],
  ["transport", "  ", []],
  ["attentionMaxKv", "1e3", 1000],
  ["attentionChunkFactor", "1.5", 1.5],
  ["attentionKvFactor", "4", 4],
  ["attentionNFactor", "1.5", 1.5],
  ["decodeQLens", "1", [1]],
  ["epDegrees", "1", [1]],
  ["grid", "v1.2", "v1.2"],
  ["parity", "1", true],
  ["parity", " On ", true],
  ["skipSkew", "0", false],
  ["skipSkew", "true", true],
  ["onlySkew", "YES", true],
  ["skewMode", "exact", "exact"],
  ["skewNFactor", "3.0", 3],
  ["skewPcFactor", "1.01", 1.01],
  ["skewKpFactor", "2", 2],
  ["skewKvsFactor", "8", 8],
  ["adaptive", "20%", { shots: 0.2 }],
  ["adaptive", "shots=0.1", { shots: 0.1 }],
  ["adaptive", "error=3%", { error: 0.03 }],
  ["budget", "300", 300],
  ["budget", "90s", 90],
  ["budget", "1h30min", 5400],
  ["budget", "5min", 300],
  ["prior", "perf/H100/a/b/bf16", "perf/H100/a/b/bf16"],
  ["measurementIterations", "5", 5],
  ["quantity", "wall", "wall"],
  ["precision", "0.01", { relative: 0.01, min: 3, max: 30 }],
  ["precision", "0.005, 5, 100", { relative: 0.005, min: 5, max: 100 }],
  ["seed", "0", 0],
  ["sentinelS", "0", 0],
  ["sentinelS", "2.5", 2.5],
  ["sustainS", "0", 0],
  ["sustainShots", "all", "all"],
  ["clock", "1545", 1545],
  ["driftShare", "0.05", 0.05],
  ["acceptSpeed", "true", true],
  ["harness", "roofline:H100", "roofline:H100"],
  ["transport", `ssh -o "User me" gpu1`, ["ssh", "-o", "User me", "gpu1"]],
  ["devices", "1,0", [1, 0]],
  ["helloTimeoutS", "0.5", 0.5],
  ["bootTimeoutS", "0.5", 0.5],
  ["shotTimeoutS", "30", 30],
  ["force", "on", true],
  ["yes", "off", false],
  ["exactGrid", "1", true],
  ["retryFailed", "no", false],
  ["allowMixed", "false", false],
  ["verbosity", "--silent", "silent"],
  ["verbosity", "verbose", "verbose"],
  ["verbosity", " --verbose ", "verbose"],
  ["verbosity", " info ", "info"],
  ["perfDir", "/data/perf", "/data/perf"],
  ["configDir", "my configs", "my configs"],
];

Deno.test("resolveSettings: each setting is read from its environment variable", () => {
  for (const [option, text, value] of ACCEPTED) {
    const settings = resolveSettings(without(option), { [SETTINGS[option].env]: text });
    assert.deepEqual(settings[option], value, `${option} from ${text}`);
  }
  assert.deepEqual(new Set(ACCEPTED.map(([option]) => option)), new Set(OPTIONS));
});

Deno.test("resolveSettings: options win over the environment, both over a preset, that over the defaults", () => {
  const env = { SHOTLAB_PRESET: "quick", MAX_NUM_SEQS: "8", ATTENTION_MAX_KV: "512", SKIP_SKEW: "0" };
  const settings = resolveSettings({ ...REQUIRED, maxNumSeqs: 4 }, env);
  assert.deepEqual(settings, {
    ...DEFAULTS,
    maxNumSeqs: 4,
    attentionMaxKv: 512,
    skipSkew: false,
    tpDegrees: [1, 2],
    maxNumBatchedTokens: 256,
    attentionChunkFactor: 4,
    attentionKvFactor: 4,
  });
});

Deno.test("resolveSettings: what is empty or undefined is not said", () => {
  const env = { TP_DEGREES: "", VARIANT: "", SKIP_SKEW: "", VERBOSITY: "", SHOTLAB_PRESET: "" };
  const input = { ...REQUIRED, seed: undefined } as unknown as typeof REQUIRED;
  assert.deepEqual(resolveSettings(input, env), DEFAULTS);
});

Deno.test("resolveSettings: resolved settings resolve to themselves", () => {
  assert.deepEqual(resolveSettings(resolveSettings(REQUIRED)), DEFAULTS);
});

Deno.test("resolveFlags: a flag turned off wins over an environment that turns it on", () => {
  assert.equal(resolveFlags({ ...REQUIRED, skipSkew: false }, { SKIP_SKEW: "1" }).skipSkew, false);
});
