/** What flags make of a server, of steps beside the rows and of candidates, where no engine is needed to see it. */
import assert from "node:assert/strict";
import { formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { stepsOf, type StepsOfRows } from "../../src/cli/steps_of_rows.ts";
import { resolveSettings, type Settings } from "../../src/settings.ts";
import { type Files, withBundle } from "../bundle/with_bundle.ts";
import { runMain } from "./run_main.ts";

const LAYERS = [
  ...["embedding", "layernorm", "qkv_proj", "qk_norm", "rotary_emb", "o_proj"],
  ...["gate_up_proj", "act_fn", "down_proj", "final_layernorm"],
];
function bundle(name: string, meta: Meta): Files {
  const dense = LAYERS.map((layer) => `${layer},1,10\n${layer},32,10\n`).join("");
  const heads = ["lm_head", "sampler"].map((layer) => `${layer},1,10\n${layer},8,10\n`).join("");
  const { gpu = "Abacus" } = meta;
  return {
    [`${name}/meta.yaml`]: formatMeta({ model: "Qwen/Qwen3-0.6B", architecture: "qwen3", ...meta, gpu }),
    [`${name}/tp1/dense.csv`]: `layer,tokens,time_us\n${dense}`,
    [`${name}/tp1/per_sequence.csv`]: `layer,sequences,time_us\n${heads}`,
    [`${name}/tp1/attention.csv`]: "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n" +
      "0,0,1,16,10\n0,0,1,64,10\n16,0,0,0,10\n64,0,0,0,10\n",
  };
}
const ENGINE = { max_num_batched_tokens: 64, max_num_seqs: 8 };
const FILES: Files = {
  ...bundle("plain", { hardware: "ABACUS" }),
  ...bundle("set", { hardware: "ABACUS", engine_effective: ENGINE }),
  ...bundle("nameless", {}),
  "load.jsonl": [0, 1e9].map((at) => `{"input_toks":32,"output_toks":3,"arrival_time_ns":${at}}\n`).join(""),
  "empty": null,
};

async function jsonOf<T>(line: string): Promise<[status: number, found: T]> {
  let told: [number, T] | undefined;
  await withBundle(FILES, async (dir) => {
    const { status, out, err } = await runMain(line.split(" ").map((word) => word.replace("@", `${dir}/`)));
    told = [
      status,
      out === "" ? err.replaceAll(`${dir}/`, "@") as T : JSON.parse(out.replaceAll(`${dir}/`, "@")),
    ];
  });
  return told!;
}

const SERVER = {
  ...{ maxNumBatchedTokens: 2048, maxNumSeqs: 256, blockSize: 16, numBlocks: 99, maxModelLen: null },
  ...{ asyncScheduling: true, prefixCaching: false },
};
const SERVERS: [flags: string, server: object][] = [
  ["@plain", {}],
  ["@set", { maxNumBatchedTokens: 64, maxNumSeqs: 8 }],
  ["@set --max-num-batched-tokens 128", { maxNumBatchedTokens: 128, maxNumSeqs: 8 }],
  ["@set --max-num-seqs 4", { maxNumBatchedTokens: 64, maxNumSeqs: 4 }],
  ["@plain --block-size 32", { blockSize: 32 }],
  ["@plain --max-model-len 512", { maxModelLen: 512 }],
  ["@plain --sync", { asyncScheduling: false }],
  ["@plain --prefix-caching", { prefixCaching: true }],
  ["@plain --clock cool", {}],
  ["@plain --clock measured", {}],
];
for (const [flags, server] of SERVERS) {
  Deno.test(`shotlab simulate ${flags}: the server that it stands for`, async () => {
    const found = await jsonOf<{ server: object }>(
      `simulate ${flags} --load @load.jsonl --num-blocks 99 --json`,
    );
    assert.equal(found[0], 0, `${found[1]}`);
    assert.deepEqual(found[1].server, { ...SERVER, ...server });
  });
}

const JOBS: [flags: string, engine: object][] = [
  ["", {}],
  ["--sync", { async_scheduling: false }],
  ["--eager", { enforce_eager: true }],
  ["--prefix-caching", { enable_prefix_caching: true }],
  ["--max-model-len 512", { max_model_len: 512 }],
  ["--max-num-seqs 3 --max-num-batched-tokens 70", { max_num_seqs: 3, max_num_batched_tokens: 70 }],
  ["--gpu-memory-utilization 0.5", { gpu_memory_utilization: 0.5 }],
  ["--dtype float16", { dtype: "float16" }],
];
for (const [flags, engine] of JOBS) {
  Deno.test(`shotlab steps ${flags}: the engine of the job`, () =>
    withBundle({}, async (dir) => {
      const base = `steps --model Qwen/Qwen3-0.6B --hardware ABACUS --job ${dir}/job.json ${flags}`;
      const { status, out, err } = await runMain(base.trim().split(" "));
      assert.deepEqual([status, err], [0, ""]);
      assert.equal(
        out,
        `The job is in ${dir}/job.json: python3 harness/vllm/served.py --job ${dir}/job.json --out served.jsonl\n`,
      );
      assert.deepEqual(JSON.parse(await Deno.readTextFile(`${dir}/job.json`)).engine, {
        ...{ max_num_batched_tokens: 2048, max_num_seqs: 256, max_model_len: 16_384, dtype: "bfloat16" },
        ...{ kv_cache_dtype: "auto", enforce_eager: false, async_scheduling: true },
        ...{ enable_prefix_caching: false, gpu_memory_utilization: 0.9 },
        ...engine,
      });
    }));
}

const LOANS: [devices: number[], tpDegrees: number[], device: number | null][] = [
  [[0, 1], [1, 2], 1],
  [[3, 5, 4], [1, 2, 4], 4],
  [[0], [1, 2], null],
  [[0, 1], [1], null],
  [[0, 1], [2, 1], null],
];
for (const [devices, tpDegrees, device] of LOANS) {
  Deno.test(`steps of the rows at tp ${tpDegrees} on devices ${devices}: ${device === null ? "after them" : `beside them on ${device}`}`, () =>
    withSteps({ devices, tpDegrees }, 2, ({ loan }) =>
      assert.deepEqual(
        [loan!.device ?? null, loan!.use],
        [device, "serves steps of the whole engine"],
      )));
}

const AHEAD: [harness: string, transport: string[], cores: number, ahead: boolean][] = [
  ["vllm", [], 4, true],
  ["vllm", [], 16, true],
  ["vllm", [], 3, false],
  ["vllm", ["ssh", "there"], 16, false],
  ["cmd:serve", [], 16, false],
];
for (const [harness, transport, cores, ahead] of AHEAD) {
  Deno.test(`an engine that serves is ${ahead ? "" : "not "}imported beside the rows: ${[...transport, harness].join(" ")}, ${cores} cores`, () =>
    withSteps({ harness, transport }, cores, ({ loan }) => {
      assert.equal(loan!.prepare !== undefined, ahead);
    }));
}

async function withSteps(
  changes: Partial<Settings>,
  cores: number,
  check: (steps: StepsOfRows) => void,
): Promise<void> {
  await withBundle({}, async (perfDir) => {
    const settings = {
      ...resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", perfDir }),
      ...changes,
    };
    const { signal } = new AbortController();
    const terminal = { out: () => {}, err: () => {}, errStream: null, env: {}, signal };
    await using steps = await stepsOf(settings, 1, terminal, cores);
    check(steps);
  });
}

Deno.test("steps that are served beside rows that fail are ended with them", () =>
  withBundle({}, async (perfDir) => {
    const settings = {
      ...resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", perfDir }),
      ...{ devices: [0, 1], tpDegrees: [1, 2], harness: 'cmd:sh -c "echo served; sleep 300" fake' },
    };
    const terminal = { out: () => {}, err: () => {}, errStream: null, env: {} };
    const steps = await stepsOf(settings, 1, { ...terminal, signal: new AbortController().signal });
    const dir = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16/tp1`;
    await Deno.mkdir(dir, { recursive: true });
    steps.loan!.begin();
    for (let waits = 0; waits < 2000; waits++) {
      if (await Deno.readTextFile(`${dir}/served.jsonl`).catch(() => "") !== "") break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("late"), 60_000);
    assert.equal(await Promise.race([steps[Symbol.asyncDispose](), late]), undefined);
    clearTimeout(timer);
  }));

Deno.test("shotlab recommend --json: candidates by name, of the degrees that are asked and there", async () => {
  for (
    const [bundles, name] of [["@plain --tp-degrees 1,2", "ABACUS, tp 1"], ["@nameless", "Abacus, tp 1"]]
  ) {
    const [status, found] = await jsonOf<{ name: string }[]>(
      `recommend ${bundles} --load @load.jsonl --ttft-ms 0.001 --json`,
    );
    assert.equal(status, 1, `${found}`);
    assert.deepEqual(found.map((each) => each.name), [name]);
  }
});

Deno.test("shotlab recommend: no figure of nothing", () =>
  withBundle(FILES, async (dir) => {
    const line = ["recommend", `${dir}/plain`, "--load", `${dir}/load.jsonl`, "--figure", `${dir}/f.csv`];
    assert.equal((await runMain([...line, "--ttft-ms", "0.001"])).status, 1);
    await assert.rejects(Deno.stat(`${dir}/f.csv`), Deno.errors.NotFound);
    const priced = ["--rate", "1", "--price", "LOOM=2", "--price", "ABACUS=3", "--json"];
    const { status, out } = await runMain([...line, "--ttft-ms", "9000", "--tpot-ms", "9000", ...priced]);
    assert.deepEqual([status, JSON.parse(out)[0].pricePerHour], [0, 3]);
    assert.ok((await Deno.stat(`${dir}/f.csv`)).size > 0);
  }));

Deno.test("JSON of commands ends with 0, a folder without a bundle with 2", async () => {
  for (const line of ["coverage @set --json", "diff @set @plain --json", "validate @empty --json"]) {
    const [status, found] = await jsonOf(line);
    assert.equal(status, line.includes("@empty") ? 1 : 0, `${line}: ${JSON.stringify(found)}`);
  }
  assert.equal((await jsonOf("report @empty"))[0], 2);
});

Deno.test("shotlab plan: shots of each sweep, of skew cases and their shots", () =>
  withBundle({}, async (dir) => {
    const limits = {
      ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 100_000, max_model_len: 8192 },
      ...{ num_experts: null, top_k: null, block_size: 16 },
    };
    await Deno.writeTextFile(`${dir}/limits.json`, JSON.stringify(limits));
    for (const [mode, each] of [["interpolated", 1], ["exact", 3]] as const) {
      const { status, out } = await runMain([
        ...[
          "plan",
          "--model",
          "Qwen/Qwen3-0.6B",
          "--hardware",
          "X",
          "--tp-degrees",
          "1",
          "--skew-mode",
          mode,
        ],
        ...["--attention-max-kv", "1024", "--limits", `${dir}/limits.json`, "--out", `${dir}/p.jsonl`],
      ]);
      assert.equal(status, 0);
      const cases = new Map<string, number>();
      let shots = 0;
      for (const text of (await Deno.readTextFile(`${dir}/p.jsonl`)).trimEnd().split("\n").slice(1)) {
        const { category, parts = [] } = JSON.parse(text);
        cases.set(category, (cases.get(category) ?? 0) + 1);
        shots += parts.length;
      }
      assert.ok(shots > 0 && shots <= each * cases.get("skew")!);
      assert.deepEqual(out.trimEnd().split("\n"), [
        ...["dense", "per_sequence", "attention"].map((name) => `tp 1 ${name}: ${cases.get(name)} shots`),
        `tp 1 skew: ${cases.get("skew")} cases, ${shots} shots`,
        `The plan is in ${dir}/p.jsonl`,
      ]);
    }
  }));
