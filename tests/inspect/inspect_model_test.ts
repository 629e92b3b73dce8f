/** An inspection from its first boot to the file, with an engine that walks what it is told. */
import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness } from "../../src/harness/harness.ts";
import type { Walk, WalkedRequests } from "../../src/harness/walk.ts";
import { type Inspection, inspectModel } from "../../src/inspect/inspect_model.ts";
import { fakeHarness } from "../run/fakes.ts";
import { LLAMA_FORWARD, madeUpWalk } from "./made_up_walk.ts";

const MODEL = {
  id: "o/x",
  modelType: "llama",
  config: {
    ...{ model_type: "llama", num_hidden_layers: 8, hidden_size: 60, intermediate_size: 120 },
    ...{ num_attention_heads: 6, num_key_value_heads: 6, vocab_size: 240, torch_dtype: "bfloat16" },
  },
};
interface Engine {
  readonly maxModelLen?: number;
  readonly maxTokens?: number;
  /** Degrees that it cannot boot. */
  readonly refused?: readonly number[];
  /** What a boot fails with, given how many were before. */
  readonly fault?: (boots: number) => HarnessError | null;
  /** What the projection of an attention's output belongs to, when layers are there. */
  readonly output?: string;
  /** Marks of its attention for what it launches beside its modules, given how many walks were before. */
  readonly glue?: (walks: number) => string;
}
interface Inspected {
  readonly found: Inspection | Error;
  readonly boots: readonly string[];
  readonly walked: readonly Readonly<Record<string, WalkedRequests>>[];
  readonly steps: readonly string[];
}
/** Inspects; gives what was booted and walked besides. */
async function inspected(
  {
    maxModelLen = 100_000,
    maxTokens = 2048,
    refused = [],
    fault = () => null,
    output = "o_proj",
    glue = () => "",
  }: Engine,
  model: typeof MODEL = MODEL,
): Promise<Inspected> {
  const boots: string[] = [];
  const walked: Readonly<Record<string, WalkedRequests>>[] = [];
  const steps: string[] = [];
  const harness = fakeHarness();
  let tp = 1;
  let layers = 0;
  let drafted = new Set<string>();
  const engine: Harness = {
    ...harness,
    async boot(request): ReturnType<Harness["boot"]> {
      boots.push(
        `tp${request.tp} ${
          request.config["num_attention_heads"]
        } heads ${request.dtype} ${request.kv_cache_dtype} ` +
          `${request.max_num_batched_tokens} ${request.max_num_seqs}`,
      );
      const failed = fault(boots.length - 1);
      if (failed !== null) throw failed;
      if (refused.includes(request.tp)) throw new HarnessError("no", { stage: "boot", kind: "unsupported" });
      tp = request.tp;
      layers = Object.keys(request.architecture.catalog.dense).length;
      drafted = new Set(Object.keys(request.architecture.catalog.dense));
      const booted = await harness.boot(request);
      const limits = { ...booted.limits, max_model_len: maxModelLen, max_num_batched_tokens: maxTokens };
      return { ...booted, limits };
    },
    walk(batches): Promise<Walk> {
      walked.push(batches);
      const text = LLAMA_FORWARD.replace(
        "o_proj RowParallelLinear sharded",
        (line) => layers > 0 ? `${line} layer=${output}` : line,
      )
        .replaceAll(
          / layer=(\w+)?$/gm,
          (mark, name?: string) => layers > 0 && name !== undefined ? mark : "",
        );
      const named = drafted.has("attn_glue") ? "layer=attn_glue" : "";
      const walk = madeUpWalk(text.replace("LlamaAttention", `$& ${glue(walked.length - 1)} ${named}`), {
        tp,
      });
      const [[, { nodes }] = ["", { nodes: [] }]] = Object.entries(walk.batches);
      return Promise.resolve({
        ...walk,
        batches: Object.fromEntries(Object.keys(batches).map((name) => [name, { nodes }])),
      });
    },
  };
  const found = await inspectModel(model, { harness: engine, onStep: (step) => void steps.push(step) })
    .catch((error: unknown) => error as Error);
  return { found, boots, walked, steps };
}

Deno.test("inspectModel boots one layer, a second degree, and what it drafted; walks batches of a running server", async () => {
  const { found, boots, walked, steps } = await inspected({});
  assert.ok(!(found instanceof Error), `${found}`);
  assert.deepEqual(boots, [1, 2, 1].map((tp) => `tp${tp} ${6 / tp} heads auto auto 2048 16`));
  assert.deepEqual(steps, [
    "booting 1 layer of o/x: 1 full_attention/dense",
    "booting tp 2",
    "walking o/x with the layers of llama",
  ]);
  const decodes = (...histories: number[]): WalkedRequests =>
    histories.map((history) => ({ newTokens: 1, history }));
  assert.deepEqual(
    walked,
    new Array(3).fill({
      prefill: [{ newTokens: 384, history: 0 }, { newTokens: 640, history: 0 }],
      decode: decodes(2048, 1024, 512, 292),
      mixed: [{ newTokens: 512, history: 512 }, ...decodes(2048, 1024, 682)],
    }),
  );
  assert.deepEqual(found.text.split("\n").slice(0, 4), [
    "# Drafted from o/x, fake 1.0 on Abacus: read it, and change what it got wrong.",
    "# KV blocks of 16 tokens; 8 full_attention/dense.",
    "sequence:",
    "  prologue: [embedding]",
  ]);
  assert.deepEqual(found.kinds.length, 8);
  assert.deepEqual(found.coverage.map(({ batch, uncovered }) => [batch, uncovered]), [["prefill", 0], [
    "decode",
    0,
  ], ["mixed", 0]]);
  assert.equal(found.architecture.catalog.dense["layernorm"]?.tp_stable, true);
  assert.equal(found.architecture.catalog.dense["o_proj"]?.tp_stable, undefined);
});

Deno.test("inspectModel keeps its batches within what an engine allows", async () => {
  const { walked } = await inspected({ maxModelLen: 103 });
  assert.deepEqual(walked[0], {
    // A quarter of the longest request, 25 tokens.
    prefill: [{ newTokens: 9, history: 0 }, { newTokens: 15, history: 0 }],
    // Half of it, 51 tokens.
    decode: [51, 25, 12, 7].map((history) => ({ newTokens: 1, history })),
    mixed: [{ newTokens: 12, history: 12 }, ...[51, 25, 17].map((history) => ({ newTokens: 1, history }))],
  });
  const few = await inspected({ maxTokens: 17 });
  assert.deepEqual(few.walked[0]!["prefill"]!.map(({ newTokens }) => newTokens), [3, 5]);
  const many = await inspected({ maxTokens: 8192 });
  assert.deepEqual(many.walked[0]!["prefill"]!.map(({ newTokens }) => newTokens), [384, 640]);
  const tiny = await inspected({ maxModelLen: 4 });
  assert.deepEqual(tiny.walked[0], {
    prefill: [{ newTokens: 1, history: 0 }, { newTokens: 1, history: 0 }],
    decode: [2, 1, 1, 1].map((history) => ({ newTokens: 1, history })),
    mixed: [{ newTokens: 1, history: 1 }, ...[2, 1, 1].map((history) => ({ newTokens: 1, history }))],
  });
});

Deno.test("inspectModel says how many layers of each kind it boots", async () => {
  const config = { ...MODEL.config, first_k_dense_replace: 3, n_routed_experts: 8, num_experts_per_tok: 2 };
  const { steps } = await inspected({}, { ...MODEL, config });
  assert.equal(steps[0], "booting 2 layers of o/x: 1 full_attention/dense, 1 full_attention/moe");
});

Deno.test("a degree that the engine refuses is passed over, any other fault ends the inspection", async () => {
  for (const [kind, tried] of [["unsupported", 4], ["out_of_memory", 2], ["engine_dead", 2]] as const) {
    const error = new HarnessError("it fell", { stage: "boot", kind });
    const { found, boots } = await inspected({ fault: (before) => before === 1 ? error : null });
    assert.equal(boots.length, tried, kind);
    assert.equal(found instanceof Error, kind !== "unsupported", kind);
  }
});

Deno.test("what seemed next to nothing in a walk and is not in the next is named after all", async () => {
  // Below half a hundredth of a forward of 60 µs, then a sixth of it.
  const { found, steps } = await inspected({ glue: (walks) => walks < 2 ? "+0.02" : "+2" });
  assert.ok(!(found instanceof Error), `${found}`);
  assert.deepEqual(steps.slice(2), [
    "walking o/x with the layers of llama",
    "naming what blocks launch beside their modules too",
    "walking o/x with the layers of llama",
  ]);
  assert.deepEqual(found.architecture.catalog.dense["attn_glue"]?.vllm, ["LlamaAttention"]);
  const still = await inspected({ glue: () => "+0.02" });
  assert.ok(!(still.found instanceof Error));
  assert.equal(still.found.architecture.catalog.dense["attn_glue"], undefined);
  const dead = new HarnessError("it fell", { stage: "boot", kind: "engine_dead" });
  const fell = await inspected({ glue: () => "+0.02", fault: (before) => before === 2 ? dead : null });
  assert.deepEqual([fell.found, fell.boots.length], [dead, 3]);
});

Deno.test("inspectModel tries degrees in turn, and says where none could be booted", async () => {
  const third = await inspected({ refused: [2] });
  assert.deepEqual(third.boots.map((boot) => boot.split(" ")[0]), ["tp1", "tp2", "tp3", "tp1"]);
  const { found, steps } = await inspected({ refused: [2, 3, 4, 5, 7] });
  assert.ok(!(found instanceof Error));
  assert.deepEqual(steps.slice(1, -1), [2, 4, 3, 5, 7].map((tp) => `booting tp ${tp}`));
  assert.equal(
    found.text.split("\n")[2],
    "# No second degree could be booted: no layer is said to be independent of it.",
  );
});

Deno.test("inspectModel refuses layers that leave more than a hundredth of the kernels uncovered", async () => {
  const { found } = await inspected({ output: "" });
  assert.ok(found instanceof HarnessError);
  // Of 4 launches around the layers and 8 layers of 7.
  assert.equal(
    found.message,
    "Cannot use the layers of llama for o/x: of a prefill 13% of the kernels belong to no layer, at most 1% may; " +
      "most of them, 13%, in RowParallelLinear model.layers.0.self_attn.o_proj (RowParallelLinear kernel); " +
      "name it in the architecture file",
  );
});

Deno.test("of the kernels that no layer covers three are named", async () => {
  for (const [kernels, named] of [["a,b,c", "a, b, c"], ["a,b,c,d", "a, b, c"]]) {
    const { found } = await inspected({ glue: (walks) => walks < 2 ? "" : `kernels=${kernels}` });
    assert.ok(
      `${found}`.includes(`in LlamaAttention model.layers.0.self_attn (${named}); name it`),
      `${found}`,
    );
  }
});

Deno.test("inspectModel refuses a harness that cannot walk", async () => {
  await assert.rejects(inspectModel(MODEL, { harness: fakeHarness() }), {
    name: "UsageError",
    message: "Cannot inspect with the harness 'fake': it cannot walk; use vllm",
  });
});
