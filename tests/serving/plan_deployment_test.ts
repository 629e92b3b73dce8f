import assert from "node:assert/strict";
import type { Model } from "../../src/model/model.ts";
import type { PredictorSource } from "../../src/predict/predictor.ts";
import { generateLoad } from "../../src/serving/generate_load.ts";
import type { Served } from "../../src/serving/served.ts";
import { type CandidateBundle, planDeployment } from "../../src/serving/plan_deployment.ts";
import { deploymentFigure } from "../../src/view/figures/deployment.ts";

const MODEL: Model = {
  id: "org/small",
  config: {
    num_hidden_layers: 2,
    hidden_size: 1024,
    num_attention_heads: 8,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 4096,
    vocab_size: 32_000,
    max_position_embeddings: 8192,
    torch_dtype: "bfloat16",
  },
  architecture: {
    modelType: "made_up",
    sequence: {
      prologue: [],
      pre_attn: ["qkv_proj", "attention"],
      post_attn: [],
      mlp_dense: [],
      mlp_moe: [],
      head: [],
    },
    catalog: {
      dense: { qkv_proj: { vllm: [] } },
      per_sequence: {},
      attention: { attention: { vllm: [] } },
      moe: {},
    },
    sha256: "",
  },
};

/** A device whose step takes 2 · `us`, more for prompts; half of it at degree 2. */
const bundle = (us: number, tps: readonly number[] = [1]): PredictorSource => ({
  tps,
  meta: {},
  skewFit: () => [],
  table: (tp, category) =>
    category === "dense"
      ? [1, 256, 2048].map((tokens) => ({
        layer: "qkv_proj",
        key: [tokens],
        timeUs: Math.max(us, tokens * us / 256) / tp,
      }))
      : category === "attention"
      ? [[0, 0, 1, 0], [0, 0, 256, 0], [2048, 0, 0, 0]].map((key) => ({ layer: null, key, timeUs: 1 }))
      : [],
});

const candidate = (name: string, us: number, more: Partial<CandidateBundle> = {}): CandidateBundle => ({
  name,
  bundle: bundle(us),
  hardware: { memory_gib: 80 },
  ...more,
});
const LENGTHS = { median: 64, sigma: 0.3, max: 256 };
const LOAD = generateLoad({ requests: 400, ratePerS: 1, input: LENGTHS, output: LENGTHS, seed: 2 });
const TARGETS = { ttftMs: 200, tpotMs: 30 };

Deno.test("planDeployment finds the largest rate that keeps the targets, and ranks by price", () => {
  const [first, second] = planDeployment({
    model: MODEL,
    candidates: [
      candidate("slow", 12_000, { pricePerHour: 1 }),
      candidate("fast", 4000, { pricePerHour: 2 }),
    ],
    load: LOAD,
    targets: TARGETS,
    ratePerS: 1000,
  });
  assert.deepEqual([first!.name, second!.name], ["fast, tp 1", "slow, tp 1"]);
  for (const one of [first!, second!]) {
    assert.equal(one.problem, null);
    const most = one.points.at(-1)!;
    assert.ok(most.latencies.ttftMs.p99 <= 200 && most.latencies.tpotMs.p99 <= 30, one.name);
    assert.ok(one.points.every((point, at) => at === 0 || point.ratePerS > one.points[at - 1]!.ratePerS));
    assert.equal(one.gpusNeeded, Math.ceil(1000 / one.maxRatePerS));
    assert.equal(one.pricePerHour, one.gpusNeeded! * (one === first ? 2 : 1));
    const perHour = most.tokensPerSPerGpu * 3600;
    assert.ok(Math.abs(one.pricePerMillionTokens! - (one === first ? 2 : 1) / perHour * 1e6) < 1e-9);
    assert.deepEqual(one.estimates, ["steps without host and gaps"]);
  }
  assert.ok(first!.maxRatePerS > 2 * second!.maxRatePerS);
  assert.deepEqual([first!.onFront, second!.onFront], [true, false]);
});

Deno.test("planDeployment adds communication as measured or by the link's data sheet, and says so", () => {
  const link = { bandwidthGbS: 450, latencyUs: 5000 };
  const measured = { source: "measured", us: () => 5000 } as const;
  const table: [more: Partial<CandidateBundle>, estimates: string[]][] = [
    [{ link: null }, ["no communication"]],
    [{ link }, ["communication by a data sheet"]],
    [{ communication: (tp) => tp === 2 ? measured : null }, []],
    [{ communication: () => null, link }, ["communication by a data sheet"]],
    [{ communication: () => ({ source: "measured", us: () => null }) }, ["no communication"]],
  ];
  const found = table.map(([more, estimates]) => {
    const two = { bundle: bundle(40_000, [1, 2]), tps: [2], ...more };
    const [one] = planDeployment({
      model: MODEL,
      candidates: [candidate("pair", 40_000, two)],
      load: LOAD,
      targets: { ttftMs: 2000, tpotMs: 200 },
    });
    assert.deepEqual(one!.estimates, ["steps without host and gaps", ...estimates]);
    assert.equal(one!.gpus, 2);
    return one!.points[0]!.latencies.tpotMs.p50;
  });
  // Five all-reduces and the all-gather of the logits, 5 ms each, in steps of 40 ms.
  const expected = [40, 70, 70, 70, 40];
  for (const [at, tpot] of found.entries()) {
    assert.ok(Math.abs(tpot / found[0]! - expected[at]! / 40) < 0.05, `${at}: ${tpot}`);
  }
});

Deno.test("planDeployment lists a candidate that cannot be asked with the reason, beside one that serves", () => {
  const bare: PredictorSource = { ...bundle(2000), table: () => [] };
  const half: PredictorSource = {
    ...bundle(2000),
    table: (tp, category) => category === "attention" ? [] : bundle(2000).table(tp, category),
  };
  const other = { head: { model: "org/other", tp: 1 } } as unknown as Served;
  const table: [what: string, more: Partial<CandidateBundle>, problem: RegExp, estimates?: string[]][] = [
    ["no rows", { bundle: bare }, /^Cannot look up attention at tp 1: /],
    ["no attention rows", { bundle: half }, /^Cannot look up attention at tp 1: /],
    ["no rows that fit a device either", { bundle: bare, hardware: { memory_gib: 1 } }, /^does not fit: /],
    ["a degree that is not measured", { tps: [4] }, /tp ?4/],
    ["a degree that does not divide the heads", { tps: [3] }, /^Cannot shard the model to tp 3: /],
    ["served steps of another model", { served: () => other }, /^Cannot use the served steps: .*org\/other/],
    ["rows of a formula that do not fit", { estimated: true, hardware: { memory_gib: 1 } }, /^does not fit/, [
      "rows",
    ]],
  ];
  for (const [what, more, problem, estimates = []] of table) {
    const [good, bad, ...none] = planDeployment({
      model: MODEL,
      candidates: [candidate("bad", 2000, { pricePerHour: 1, ...more }), candidate("good", 4000)],
      load: LOAD,
      targets: TARGETS,
      ratePerS: 10,
    });
    assert.deepEqual([good!.name, good!.problem, none.length], ["good, tp 1", null, 0], what);
    assert.match(bad!.problem!, problem, what);
    const { points, maxRatePerS, gpusNeeded, pricePerHour, pricePerMillionTokens, onFront } = bad!;
    assert.deepEqual(
      [points, maxRatePerS, gpusNeeded, pricePerHour, pricePerMillionTokens, onFront, bad!.estimates],
      [[], 0, null, null, null, false, estimates],
      what,
    );
  }
});

Deno.test("planDeployment lists what does not fit or keeps the targets at no rate last, with the reason", () => {
  const [good, ...others] = planDeployment({
    model: MODEL,
    candidates: [
      candidate("tiny", 2000, { hardware: { memory_gib: 1 } }),
      candidate("hopeless", 60_000),
      candidate("estimated", 8000, { estimated: true }),
    ],
    load: LOAD,
    targets: TARGETS,
  });
  assert.deepEqual([good!.name, good!.estimates[0], good!.gpusNeeded], ["estimated, tp 1", "rows", null]);
  assert.deepEqual(others.map(({ problem }) => problem).sort(), [
    "does not fit: 0.2 GiB of weights, 0.4 usable, requests of 248 tokens",
    "keeps the targets at no rate",
  ]);
});

Deno.test("planDeployment says where nobody knows a device's memory, unless steps were served on it", () => {
  const served = (numBlocks: number) =>
    ({
      head: {
        ...{ model: MODEL.id, tp: 1 },
        settings: {
          ...{ max_num_batched_tokens: 2048, max_num_seqs: 256, max_model_len: 8192, block_size: 16 },
          ...{ num_gpu_blocks: numBlocks, graphs: "none", captured_sizes: [], async_scheduling: true },
        },
      },
      steps: [],
    }) as unknown as Served;
  const [unknown, known, small] = [null, 100_000, 5].map((blocks) =>
    planDeployment({
      model: MODEL,
      candidates: [
        candidate("one", 4000, { hardware: null, ...blocks !== null && { served: () => served(blocks) } }),
      ],
      load: LOAD,
      targets: TARGETS,
    })[0]!
  );
  assert.ok(unknown!.estimates.includes("memory without a limit"));
  assert.ok(!known!.estimates.includes("memory without a limit") && known!.maxRatePerS > 0);
  assert.equal(small!.problem, "keeps the targets at no rate", "5 blocks refuse most requests");
});

Deno.test("planDeployment ends its search where a faster server tells no more", () => {
  const load = generateLoad({
    requests: 40,
    ratePerS: 1,
    input: { ...LENGTHS, median: 4, max: 8 },
    output: { ...LENGTHS, median: 2, max: 4 },
    seed: 2,
  });
  const [one] = planDeployment({ model: MODEL, candidates: [candidate("quick", 1)], load, targets: TARGETS });
  assert.deepEqual([one!.maxRatePerS, one!.problem], [1000, null]);
  assert.ok(one!.estimates.includes("no rate above 1000/s tried"));
});

Deno.test("planDeployment refuses targets and loads that it cannot plan with", () => {
  const plan = (targets: typeof TARGETS, load = LOAD): unknown =>
    planDeployment({ model: MODEL, candidates: [candidate("one", 2000)], load, targets });
  const table: [run: () => unknown, message: string][] = [
    [() => plan({ ttftMs: 0, tpotMs: 1 }), "Cannot plan: the target ttftMs must be above 0, got 0"],
    [
      () => plan(TARGETS, { ...LOAD, concurrency: 4 }),
      "Cannot plan: the load must arrive by the clock, got one of constant concurrency",
    ],
    [
      () => plan(TARGETS, { ...LOAD, requests: [{ arrivalS: 0, inputTokens: 1, outputTokens: 1 }] }),
      "Cannot plan: the requests of the load generated must arrive over a time, got all at once",
    ],
  ];
  for (const [run, message] of table) assert.throws(run, { name: "UsageError", message });
});

Deno.test("deploymentFigure dashes what rests on estimates and says how many devices", () => {
  const deployments = planDeployment({
    model: MODEL,
    candidates: [candidate("fast", 4000), candidate("slow", 12_000)],
    load: LOAD,
    targets: TARGETS,
    ratePerS: 1000,
  });
  const { data, layout } = deploymentFigure({ model: "org/small", targets: "TTFT 200 ms", deployments });
  assert.deepEqual(data.map(({ name, line }) => [name, (line as { dash?: string }).dash]), [
    ["fast, tp 1 (estimate)", "dash"],
    ["slow, tp 1 (estimate)", "dash"],
  ]);
  const text = JSON.stringify(layout);
  assert.match(text, /fast, tp 1: [\d.,]+ requests\/s within the targets, \d+ GPUs? for the load/);
});

Deno.test("planDeployment: a plan in numbers, two devices for twice the price of one", () => {
  const round = (value: number | null): number | null => value === null ? null : Number(value.toPrecision(6));
  const link = { bandwidthGbS: 450, latencyUs: 10 };
  const found = planDeployment({
    model: MODEL,
    candidates: [
      candidate("a", 4000, { bundle: bundle(4000, [1, 2]), pricePerHour: 3, link, estimated: true }),
    ],
    load: LOAD,
    targets: { ttftMs: 100, tpotMs: 12, percentile: "p90" },
    ratePerS: 500,
    engine: { maxNumSeqs: 16 },
  });
  const told = found.map(({ points, ...one }) => ({
    ...one,
    maxRatePerS: round(one.maxRatePerS),
    pricePerMillionTokens: round(one.pricePerMillionTokens),
    points: points.map((point) => [
      ...[point.ratePerS, point.tokensPerSPerGpu, point.tokensPerSPerUser].map(round),
      ...[point.latencies.ttftMs.p90, point.latencies.tpotMs.p90].map(round),
    ]),
  }));
  // A step takes twice the half of 4 ms and attention's 2 µs at tp 2, and what is sent; at tp 1 twice 4 ms and these.
  const steps = "steps without host and gaps";
  assert.deepEqual(told, [
    {
      ...{ name: "a, tp 2", gpus: 2, problem: null, stepError: null, onFront: true },
      estimates: ["rows", steps, "communication by a data sheet"],
      ...{ maxRatePerS: 50.4314, gpusNeeded: 2 * 10, pricePerHour: 3 * 20 },
      pricePerMillionTokens: 0.48709, // 3 / 3600 / 1710.84 * 1e6
      points: [
        [5.04314, 173.137, 246.168, 11.654, 4.06244],
        [12.6078, 430.275, 246.154, 11.7881, 4.06274],
        [25.2157, 857.773, 246.13, 11.7487, 4.06323],
        [37.8235, 1285.39, 246.106, 12.0122, 4.06367],
        [50.4314, 1710.84, 246.082, 98.4598, 4.06383],
      ],
    },
    {
      ...{ name: "a, tp 1", gpus: 1, problem: null, stepError: null, onFront: false },
      estimates: ["rows", steps],
      ...{ maxRatePerS: 22.1426, gpusNeeded: 23, pricePerHour: 3 * 23 },
      pricePerMillionTokens: 0.557091, // 3 / 3600 / 1495.87 * 1e6
      points: [
        [2.21426, 152.118, 124.969, 22.8671, 8.002],
        [5.53564, 378.335, 124.969, 22.9395, 8.002],
        [11.0713, 750.315, 124.969, 23.1798, 8.002],
        [16.6069, 1126.63, 124.969, 23.1599, 8.002],
        [22.1426, 1495.87, 124.969, 95.5984, 8.002],
      ],
    },
  ]);
});
