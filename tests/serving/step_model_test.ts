import { randomFrom } from "../../src/random.ts";
import assert from "node:assert/strict";
import type { Model } from "../../src/model/model.ts";
import type { Batch } from "../../src/predict/batch.ts";
import { predictIteration } from "../../src/predict/iteration.ts";
import { predictor, type PredictorSource } from "../../src/predict/predictor.ts";
import type { ServedHead, ServedStep, StepGroup } from "../../src/serving/served.ts";
import { parseServed } from "../../src/serving/served.ts";
import { formatServedSteps, parseServedSteps } from "../../src/serving/served_files.ts";
import { type StepModel, stepModel } from "../../src/serving/step_model.ts";
import { stepRows } from "../../src/serving/step_rows.ts";
import {
  follows,
  type LaunchKind,
  launchKind,
  NO_TERMS,
  paddedTokens,
} from "../../src/serving/step_terms.ts";
import { type ClockTerm, restedDevice, runStep, type StepWork } from "../../src/serving/timeline.ts";

const MODEL: Model = {
  id: "org/two-layers",
  config: { num_hidden_layers: 2 },
  architecture: {
    modelType: "made_up",
    sequence: {
      prologue: ["embedding"],
      pre_attn: ["qkv_proj", "attention"],
      post_attn: ["o_proj"],
      mlp_dense: ["gate_up_proj"],
      mlp_moe: [],
      head: ["lm_head"],
    },
    catalog: {
      dense: {
        embedding: { vllm: [] },
        qkv_proj: { vllm: [] },
        o_proj: { vllm: [] },
        gate_up_proj: { vllm: [] },
      },
      per_sequence: { lm_head: { vllm: [] } },
      attention: { attention: { vllm: [] } },
      moe: {},
    },
    sha256: "",
  },
};

/** Dense layers of 500 µs and 1 µs a token above 500; attention of 10 µs a decode and 0.01 a token of history. */
const BUNDLE: PredictorSource = {
  tps: [1],
  meta: {},
  skewFit: () => [],
  table: (_, category) => {
    switch (category) {
      case "dense":
        return ["embedding", "qkv_proj", "o_proj", "gate_up_proj"].flatMap((layer) =>
          [1, 500, 4000].map((tokens) => ({ layer, key: [tokens], timeUs: Math.max(500, tokens) }))
        );
      case "per_sequence":
        return [{ layer: "lm_head", key: [1], timeUs: 300 }, { layer: "lm_head", key: [256], timeUs: 400 }];
      case "attention":
        return [0, 2048].flatMap((chunk) =>
          [0, 256].flatMap((n) =>
            [0, 8192].flatMap((kp) =>
              chunk + n === 0 || (chunk === 0 && kp > 0) ? [] : (n === 0 ? [0] : [0, 8192]).map((kv) => ({
                layer: null,
                key: [chunk, kp, n, kv],
                timeUs: 5 + chunk * 0.1 + n * 10 + (kp + n * kv) * 0.001,
              }))
            )
          )
        );
      case "linear_attention":
      case "moe":
        return [];
    }
  },
};

const HEAD: ServedHead = {
  format: 1,
  model: MODEL.id,
  hardware: "made-up",
  variant: "bf16",
  tp: 1,
  engine: "vllm",
  engine_version: "0.26.0",
  device: "made-up",
  driver: "1",
  runtime: "torch",
  host: { processor: "made-up", cores: 2 },
  settings: {
    max_num_batched_tokens: 2048,
    max_num_seqs: 256,
    max_model_len: 16384,
    block_size: 16,
    num_gpu_blocks: 1000,
    dtype: "bfloat16",
    kv_cache_dtype: "auto",
    enforce_eager: false,
    graphs: "full_and_piecewise",
    captured_sizes: [1, 8, 64, 512],
    async_scheduling: true,
    prefix_caching: false,
  },
  memory: {},
};

const ROWS = stepRows(predictor(BUNDLE), MODEL, 1);

/** Steps of a made-up server with known terms, scheduled one step ahead. */
function steps(part: string, batches: readonly (readonly StepGroup[])[], noise = 0, seed = 1): ServedStep[] {
  const random = randomFrom(seed);
  const hosts: Record<LaunchKind, number> = { graph: 1500, pieces: 6000, kernels: 12_000 };
  const [changeUs, fetchUs] = [400, 80];
  const clock = { slowdown: 0.15, onsetUs: 40_000 };
  const device = restedDevice();
  const scheduled: number[] = [];
  const outputs: number[] = [];
  let nowUs = 0;
  let pendingUs: number | null = null;
  const hostUs = batches.map((groups, at) => {
    const tokens = groups.reduce((sum, group) => sum + group.tokens * group.count, 0);
    const kind = launchKind(HEAD.settings, tokens, groups.some((group) => group.tokens > 1));
    const changed = kind === "graph" && at > 0 && follows(sizeOf(batches[at - 1]!), sizeOf(groups));
    const host = hosts[kind] + (changed ? changeUs : 0);
    const shaken = 1 + noise * (2 * random() - 1);
    const work: StepWork = {
      rowsUs: ROWS.ns(batchOf(groups), paddedTokens(HEAD.settings, tokens, kind)) / 1000 * shaken,
      gapUs: 120,
      hostUs: host + fetchUs,
      prepareUs: hosts.graph,
      computeBound: ROWS.computeBound(tokens),
    };
    scheduled.push(nowUs);
    const { hostFreeUs, endUs } = runStep(device, work, nowUs, clock);
    nowUs = hostFreeUs;
    if (pendingUs !== null) outputs.push(nowUs = Math.max(pendingUs, nowUs));
    pendingUs = endUs;
    return host;
  });
  outputs.push(Math.max(pendingUs!, nowUs));
  return batches.map((groups, at) => ({
    part,
    groups,
    scheduledS: scheduled[at]! / 1e6,
    outputS: outputs[at]! / 1e6,
    launchUs: hostUs[at]!,
    hostUs: hostUs[at]!,
    spanUs: null,
    kernelUs: null,
    probeUs: null,
  }));
}

function sizeOf(groups: readonly StepGroup[]): { requests: number; prefill: boolean } {
  return {
    requests: groups.reduce((sum, { count }) => sum + count, 0),
    prefill: groups.some(({ tokens }) => tokens > 1),
  };
}

function batchOf(groups: readonly StepGroup[]): Batch {
  return {
    prefills: groups.filter(({ tokens }) => tokens > 1).map(({ tokens, history }) => ({
      chunk: tokens,
      history,
    })),
    decodes: groups.filter(({ tokens }) => tokens === 1).map(({ history, count }) => ({
      kv: history,
      count,
    })),
  };
}

const decodes = (count: number, history: number): StepGroup[] => [{ tokens: 1, history, count }];
const prompt = (tokens: number, history = 0): StepGroup => ({ tokens, history, count: 1 });
const repeat = <T>(value: T, times: number): T[] => Array(times).fill(value);

const DESIGNED = [
  ...steps("designed: decodes", [...repeat(decodes(8, 900), 30), ...repeat(decodes(60, 300), 30)]),
  ...steps(
    "designed: beside",
    Array.from(
      { length: 60 },
      (_, at) => at % 4 === 0 ? [...decodes(8, 900), prompt(at % 8 === 0 ? 200 : 600)] : decodes(8, 900),
    ),
  ),
  ...steps("designed: queue", repeat([prompt(2048)], 16)),
];
const LOAD = steps(
  "load: mixed",
  Array.from(
    { length: 400 },
    (_, at) =>
      at % 9 === 0 ? [...decodes(5, at), prompt(at % 2 === 0 ? 1900 : 300)] : decodes(1 + at % 7, 100 + at),
  ),
  0.02,
);

Deno.test("stepRows gives what predictIteration gives", () => {
  const random = randomFrom(5);
  const whole = (below: number): number => Math.floor(random() * below);
  for (let i = 0; i < 200; i++) {
    const batch = {
      prefills: Array.from({ length: whole(3) }, () => ({ chunk: 1 + whole(600), history: whole(3000) })),
      decodes: Array.from({ length: 1 + whole(4) }, () => ({ kv: 1 + whole(5000), count: 1 + whole(30) })),
    };
    assert.equal(
      ROWS.ns(batch),
      predictIteration(predictor(BUNDLE), { model: MODEL, tp: 1, ...batch }).totalNs,
      JSON.stringify(batch),
    );
  }
  assert.deepEqual([1, 900, 1000, 4000].map(ROWS.computeBound), [false, false, true, true]);
});

Deno.test("stepRows: layers and experts run for as many tokens as a graph has, attention and logits for those there are", () => {
  const { architecture } = MODEL;
  const model: Model = {
    ...MODEL,
    config: { num_hidden_layers: 2, num_experts: 8, num_experts_per_tok: 2 },
    architecture: {
      ...architecture,
      sequence: { ...architecture.sequence, mlp_dense: [], mlp_moe: ["moe"] },
      catalog: { ...architecture.catalog, moe: { moe: { vllm: [] } } },
    },
  };
  const own = predictor({
    ...BUNDLE,
    table: (tp, category) =>
      category === "moe"
        ? [1, 4000].flatMap((tokens) =>
          [2, 8].map((experts) => ({ layer: null, key: [tokens, experts], timeUs: tokens + 10 * experts }))
        )
        : BUNDLE.table(tp, category),
  });
  const nsOf = (batch: Batch, of: (layer: string) => boolean): number =>
    predictIteration(own, { model, tp: 1, ...batch }).contributions
      .reduce((sum, { layer, totalNs }) => of(layer) ? sum + totalNs : sum, 0);
  const batch = { prefills: [], decodes: [{ kv: 700, count: 3 }] };
  const padded = { prefills: [{ chunk: 512, history: 0 }], decodes: [] };
  const isOfBatch = (layer: string): boolean => ["attention", "lm_head"].includes(layer);
  const rows = stepRows(own, model, 1);
  assert.equal(rows.ns(batch), nsOf(batch, () => true));
  assert.equal(rows.ns(batch, 512), nsOf(padded, (layer) => !isOfBatch(layer)) + nsOf(batch, isOfBatch));
  assert.ok(nsOf(padded, (layer) => layer === "moe") > nsOf(batch, (layer) => layer === "moe"));
});

Deno.test("launchKind follows the engine's graphs", () => {
  const settings = (graphs: string) => ({ graphs, captured_sizes: graphs === "none" ? [] : [1, 8, 64] });
  const table: [graphs: string, tokens: number, prefill: boolean, kind: LaunchKind][] = [
    ["full_and_piecewise", 64, false, "graph"],
    ["full_and_piecewise", 64, true, "pieces"],
    ["full_and_piecewise", 65, false, "kernels"],
    ["full_and_piecewise", 65, true, "kernels"],
    ["piecewise", 8, false, "pieces"],
    ["full", 8, true, "graph"],
    ["full_decode_only", 8, false, "graph"],
    ["full_decode_only", 8, true, "kernels"],
    ["none", 1, false, "kernels"],
  ];
  for (const [graphs, tokens, prefill, kind] of table) {
    assert.equal(launchKind(settings(graphs), tokens, prefill), kind, `${graphs} ${tokens} ${prefill}`);
  }
});

Deno.test("runStep: a step begins when it is prepared, and ends no earlier than it is launched", () => {
  const work = { rowsUs: 5000, gapUs: 100, computeBound: false };
  const table: [name: string, freeUs: number, hostUs: number, prepareUs: number, endUs: number][] = [
    ["a graph on an idle device", 0, 2000, 2000, 7100],
    ["a graph behind another", 4000, 2000, 2000, 9100],
    ["kernels on an idle device", 0, 3000, 1000, 6100],
    ["kernels that the host launches more slowly than they run", 0, 9000, 1000, 9000],
    ["kernels behind another step", 6000, 9000, 1000, 11_100],
  ];
  for (const [name, freeUs, hostUs, prepareUs, endUs] of table) {
    const device = { freeUs, warmUs: 0 };
    assert.deepEqual(
      runStep(device, { ...work, hostUs, prepareUs }, 0, null),
      { hostFreeUs: hostUs, endUs },
      name,
    );
    assert.equal(device.freeUs, endUs, name);
  }
});

Deno.test("runStep: the clock falls after the onset of steps bound by arithmetic, and recovers in rests", () => {
  const clock = { slowdown: 0.2, onsetUs: 1000 };
  const work = { rowsUs: 800, gapUs: 0, hostUs: 0, prepareUs: 0, computeBound: true };
  const device = restedDevice();
  const run = (atUs: number, of: Partial<StepWork> = {}): number => {
    const { endUs } = runStep(device, { ...work, ...of }, atUs, clock);
    return Math.round(endUs - Math.max(atUs, 0));
  };
  assert.equal(run(0), 800);
  assert.equal(run(800), 920, "200 µs at the full clock, 600 at the lower one");
  assert.equal(run(1720), 960, "all at the lower one");
  assert.equal(run(2680, { computeBound: false, rowsUs: 300 }), 300);
  assert.equal(run(2980), 900, "300 µs of rest are 300 at the full clock");
  assert.equal(run(10_000), 800, "rested");
});

Deno.test("stepModel learns the terms of a server and is judged on another part", () => {
  const model = stepModel(BUNDLE, { model: MODEL, served: { head: HEAD, steps: [...DESIGNED, ...LOAD] } });
  assert.equal(model.basis, "rows and served steps");
  assert.deepEqual(model.terms.hostUs, { graph: 1500, pieces: 6000, kernels: 12_000 });
  assert.deepEqual([model.terms.changeUs, Math.round(model.terms.fetchUs)], [400, 80]);
  assert.ok(Math.abs(model.terms.gapUs - 120) < 1, String(model.terms.gapUs));
  const { slowdown, onsetUs } = model.terms.clock!;
  assert.ok(Math.abs(slowdown - 0.15) < 0.03, String(slowdown));
  assert.ok(onsetUs > 25_000 && onsetUs < 55_000, String(onsetUs));
  assert.deepEqual(model.learnedFrom, [
    "designed: decodes",
    "designed: beside",
    "designed: queue",
    "load: mixed",
  ]);
  const [judged, ...others] = model.heldOut;
  assert.deepEqual([judged!.part, judged!.steps, others], ["load: mixed", 400, []]);
  assert.ok(Math.abs(judged!.busyError) < 0.005 && judged!.windowP90 < 0.02, JSON.stringify(judged));
  const plain = stepModel(BUNDLE, { model: MODEL });
  assert.ok(Math.abs(judged!.busyError) < 0.005);
  assert.deepEqual(plain.terms, NO_TERMS);
  assert.equal(plain.basis, "rows");
  assert.match(plain.notices.join(), /a step is the sum of its layers/);
});

Deno.test("a graph runs its layers for as many tokens as it was captured for, attention for those that are there", () => {
  const { work } = stepModel(BUNDLE, { model: MODEL, served: { head: HEAD, steps: DESIGNED } });
  const plain = stepModel(BUNDLE, { model: MODEL });
  const ofLayers = (batch: Batch): number => work(batch).rowsUs - plain.work(batch).rowsUs;
  const prompts = (chunk: number): Batch => ({ prefills: [{ chunk, history: 0 }], decodes: [] });
  // Captured are 1, 8, 64 and 512 tokens: the four layers that depend on tokens take 512 µs at 512, 500 below 501.
  assert.equal(ofLayers({ prefills: [], decodes: [{ kv: 100, count: 5 }] }), 0);
  assert.ok(Math.abs(ofLayers(prompts(505)) - 7 * 7) < 1e-6, "505 to 512 tokens, seven runs of a layer");
  assert.deepEqual([ofLayers(prompts(512)), ofLayers(prompts(600))], [0, 0]);
});

Deno.test("a step that follows another batch takes the host longer, if it is one graph", () => {
  const { work, terms } = stepModel(BUNDLE, { model: MODEL, served: { head: HEAD, steps: DESIGNED } });
  const of = (count: number): Batch => ({ prefills: [], decodes: [{ kv: 100, count }] });
  const prompt: Batch = { prefills: [{ chunk: 300, history: 0 }], decodes: [] };
  const more = (batch: Batch, before: Batch): number => work(batch, before).hostUs - work(batch).hostUs;
  assert.deepEqual([more(of(4), of(4)), more(of(4), of(5)), more(of(4), prompt), more(prompt, of(4))], [
    0,
    terms.changeUs,
    terms.changeUs,
    0,
  ]);
});

Deno.test("stepModel takes the clock that it is told", () => {
  const served = { head: HEAD, steps: DESIGNED };
  const of = (clock: "measured" | "cool" | ClockTerm): StepModel =>
    stepModel(BUNDLE, { model: MODEL, served, clock });
  assert.equal(of("cool").terms.clock, null);
  assert.equal(of("cool").clockFrom, "nothing");
  assert.deepEqual(of({ slowdown: 0.1, onsetUs: 5 }).terms.clock, { slowdown: 0.1, onsetUs: 5 });
  assert.equal(of({ slowdown: 0.1, onsetUs: 5 }).clockFrom, "the caller");
  assert.equal(of("measured").clockFrom, "served steps");
});

Deno.test("stepModel takes the clock from sustained rows where served steps show none", () => {
  const layers = ["embedding", "qkv_proj", "o_proj", "gate_up_proj"];
  const sustained = [
    ...layers.map((layer) => ({
      ...{ category: "dense", layer, tp: 1, key: [4000], time_us: 4800, power_w: 700, sm_clock_mhz: 1500 },
    })),
    {
      ...{
        category: "dense",
        layer: "embedding",
        tp: 1,
        key: [1],
        time_us: 500,
        power_w: 400,
        sm_clock_mhz: 2000,
      },
    },
  ];
  const bundle = { ...BUNDLE, meta: { sustained } } as unknown as PredictorSource;
  const model = stepModel(bundle, { model: MODEL });
  assert.equal(model.clockFrom, "sustained rows");
  // Rows of 4,000 tokens take 1.2 times as long, those of 500 1.025: a line between them gives 1.176 at 2,048. Attention
  // and lm_head, 5% of the step, were not sustained.
  assert.ok(model.terms.clock!.slowdown > 0.16 && model.terms.clock!.slowdown < 0.176);
  assert.equal(stepModel(bundle, { model: MODEL, clock: "cool" }).terms.clock, null);
  const served = { head: HEAD, steps: DESIGNED };
  assert.equal(stepModel(bundle, { model: MODEL, served }).clockFrom, "served steps");
});

Deno.test("stepModel refuses steps of another model or degree, and unknown parts", () => {
  const table: [head: Partial<ServedHead>, learnFrom: string[] | undefined, message: string][] = [
    [
      { model: "org/other" },
      undefined,
      "Cannot use the served steps: they are of model org/other, asked was org/two-layers; measure steps of that",
    ],
    [
      { tp: 2 },
      undefined,
      "Cannot use the served steps: they are of tp 2, asked was 1; measure steps of that",
    ],
    [
      {},
      ["load: none"],
      "Cannot learn from load: none: the served steps have designed: decodes, designed: beside, designed: queue",
    ],
  ];
  for (const [head, learnFrom, message] of table) {
    const served = { head: { ...HEAD, ...head }, steps: DESIGNED };
    const options = { model: MODEL, served, ...learnFrom && { learnFrom } };
    assert.throws(() => stepModel(BUNDLE, options), { name: "UsageError", message });
  }
});

Deno.test("served_steps.csv keeps head and steps; a broken line is named", () => {
  const served = { head: HEAD, steps: LOAD.slice(0, 20) };
  const text = formatServedSteps(served);
  assert.deepEqual(parseServedSteps(text, "served_steps.csv"), served);
  const lines = text.split("\n");
  const older = lines.map((line, at) => at === 0 ? line : line.replace(/,[^,]*$/, "")).join("\n");
  assert.deepEqual(parseServedSteps(older, "served_steps.csv"), served, "from before hosts were probed");
  const table: [line: number, becomes: string, message: string][] = [
    [
      1,
      "part,batch",
      "line 2: the columns must be part,batch,scheduled_s,output_s,launch_us,host_us,span_us,kernel_us,probe_us",
    ],
    [2, "load: a,1@x,0,0,,,,,", "line 3: batch must be requests such as 1@722x3 512@0, got 1@x"],
    [2, "load: a,1@0,0,many,,,,,", "line 3: output_s must be a number or empty, got many"],
    [2, "load: a,1@0,0", "line 3: expected 9 cells"],
  ];
  for (const [line, becomes, message] of table) {
    const broken = lines.with(line, becomes).join("\n");
    assert.throws(() => parseServedSteps(broken, "s.csv"), {
      name: "UsageError",
      message: `Cannot read s.csv, ${message}`,
    });
  }
});

Deno.test("parseServed reads what the worker writes, a cut last line left out", () => {
  const head = JSON.stringify({ type: "served", ...HEAD });
  const step =
    '{"type":"step","part":"load: a","batch":[[1,7,2],[64,0,1]],"scheduled_s":0.1,"output_s":0.2,' +
    '"launch_us":10,"host_us":null,"span_us":null,"kernel_us":null}';
  const request = '{"type":"request","part":"load: a","arrival_s":0,"input_tokens":64,"output_tokens":2,' +
    '"first_s":0.2,"last_s":0.3,"itl_us":[100000]}';
  const failed = '{"type":"failed","name":"queue","message":"it does not fit"}';
  const served = parseServed([head, step, request, failed, '{"type":"step","pa'].join("\n"), "served.jsonl");
  assert.deepEqual(served.steps[0]!.groups, [
    { tokens: 1, history: 7, count: 2 },
    { tokens: 64, history: 0, count: 1 },
  ]);
  assert.equal(served.requests[0]!.firstS, 0.2);
  assert.deepEqual([served.failed, served.whole], [[{ name: "queue", message: "it does not fit" }], false]);
  assert.throws(() => parseServed(`${head}\n{"type":"step","batch":[]}\n`, "served.jsonl"), {
    name: "UsageError",
    message: "Cannot read served.jsonl, line 2: part must be of type string, got nothing",
  });
});

Deno.test("a step waits for what the devices exchange; the steps that judge it are one device's share", () => {
  const source = { ...BUNDLE, tps: [1, 2] };
  const model = { ...MODEL, config: { num_hidden_layers: 2, hidden_size: 1024, vocab_size: 64_000 } };
  const communication = { source: "measured", us: () => 20 } as const;
  const batch: Batch = { prefills: [], decodes: [{ kv: 100, count: 4 }] };
  const at = (tp: number, given: typeof communication | null): StepModel =>
    stepModel(source, { model, tp, communication: given });
  const [without, within] = [at(2, null), at(2, communication)];
  // Behind the embedding, two mixers and two MLPs, and the logits.
  assert.equal(within.work(batch).gapUs - without.work(batch).gapUs, 6 * 20);
  assert.equal(within.stepUs(batch) - without.stepUs(batch), 6 * 20);
  assert.deepEqual([within.communication, without.communication], ["measured", undefined]);
  assert.match(without.notices.at(-1)!, /^Communication between 2 devices is left out/);
  assert.equal(at(1, communication).stepUs(batch), at(1, null).stepUs(batch));

  // Devices that have served together exchanged it: it is no gap, and what judges them has it.
  const served = (devices: number) => ({ head: { ...HEAD, tp: 2, devices }, steps: [...DESIGNED, ...LOAD] });
  const terms = (devices: number): StepModel =>
    stepModel(source, { model, tp: 2, communication, served: served(devices) });
  assert.deepEqual([1, 2].map((devices) => Math.round(terms(devices).terms.gapUs)), [120, 0]);
  const [alone, both] = [1, 2].map((devices) => terms(devices).heldOut[0]!.busyError);
  assert.ok(Math.abs(alone! - both!) < 0.001);
});

/** Steps that were waited for, whose host is busy for 10 µs a request beside what their kind takes. */
const HOSTED = [
  ...repeat(1, 8).map((count) => ({ groups: decodes(count, 900), hostUs: 1010 })),
  ...repeat(5, 8).map((count) => ({ groups: decodes(count, 900), hostUs: 1050 })),
  ...repeat(200, 8).map((tokens) => ({ groups: [...decodes(1, 900), prompt(tokens)], hostUs: 5020 })),
  ...repeat(600, 8).map((tokens) => ({ groups: [prompt(tokens)], hostUs: 9010 })),
].map(({ groups, hostUs }, at): ServedStep => ({
  ...{ part: "designed: hosts", groups, scheduledS: at, outputS: at + 0.5, launchUs: null, hostUs },
  ...{ spanUs: null, kernelUs: null },
}));

Deno.test("stepModel: what a step asks of host and device, by its kind and its requests", () => {
  const served = { head: HEAD, steps: HOSTED };
  const { terms, work, stepUs } = stepModel(BUNDLE, { model: MODEL, served });
  assert.deepEqual([terms.hostUs, Math.round(terms.requestUs)], [
    { graph: 1000, pieces: 5000, kernels: 9000 },
    10,
  ]);
  const one = { chunk: 1, history: 40 };
  const table: [string, Batch, hostUs: number, prepareUs: number, padded: number][] = [
    [
      "decodes in one graph",
      { prefills: [], decodes: [{ kv: 100, count: 5 }, { kv: 9, count: 2 }] },
      1070,
      1070,
      8,
    ],
    [
      "prompts of one token are no prefills",
      { prefills: [one, one], decodes: [{ kv: 9, count: 1 }] },
      1030,
      1030,
      8,
    ],
    [
      "a prompt beside decodes",
      { prefills: [{ chunk: 200, history: 0 }], decodes: [{ kv: 9, count: 3 }] },
      5040,
      1040,
      512,
    ],
    [
      "as many tokens as were captured",
      { prefills: [{ chunk: 510, history: 0 }], decodes: [{ kv: 9, count: 2 }] },
      5030,
      1030,
      512,
    ],
    ["one more", { prefills: [{ chunk: 510, history: 0 }], decodes: [{ kv: 9, count: 3 }] }, 9040, 1040, 513],
  ];
  for (const [what, batch, hostUs, prepareUs, padded] of table) {
    const found = work(batch);
    assert.deepEqual([Math.round(found.hostUs), Math.round(found.prepareUs)], [hostUs, prepareUs], what);
    assert.deepEqual([found.rowsUs, found.gapUs, found.computeBound], [
      ROWS.ns(batch, padded) / 1000,
      terms.gapUs,
      false,
    ], what);
    assert.equal(stepUs(batch), Math.max(found.rowsUs + found.gapUs, found.hostUs), what);
  }
  const warm = stepModel(BUNDLE, { model: MODEL, served, clock: { slowdown: 0.1, onsetUs: 5 } });
  const bound = (chunk: number): boolean =>
    warm.work({ prefills: [{ chunk, history: 0 }], decodes: [] }).computeBound;
  assert.deepEqual([bound(900), bound(1000)], [false, true]);
  assert.deepEqual(
    stepModel(BUNDLE, { model: MODEL }).work(table[0]![1]).hostUs,
    0,
    "nothing is known of the host",
  );
});

Deno.test("stepModel: of a slower host's step of one graph a part is the same, of pieces nothing is", () => {
  const paced = [0.5, 1, 1.5].flatMap((pace) =>
    [
      ...repeat({ groups: decodes(1, 900), hostUs: 200 + 800 * pace }, 40),
      ...repeat({ groups: [...decodes(1, 900), prompt(200)], hostUs: 5000 * pace }, 10),
    ].map(({ groups, hostUs }, at): ServedStep => ({
      ...{ part: `pace ${pace}`, groups, scheduledS: at, outputS: at + 0.5, launchUs: null, hostUs },
      ...{ spanUs: null, kernelUs: null, probeUs: 20 * pace },
    }))
  );
  const { terms, work } = stepModel(BUNDLE, { model: MODEL, served: { head: HEAD, steps: paced } });
  assert.deepEqual([Math.round(terms.steadyUs), Math.round(terms.hostUs.graph), terms.probeUs], [
    200,
    1000,
    20,
  ]);
  const graph: Batch = { prefills: [], decodes: [{ kv: 9, count: 1 }] };
  const pieces: Batch = { prefills: [{ chunk: 200, history: 0 }], decodes: [{ kv: 9, count: 1 }] };
  const told = [graph, pieces].flatMap((batch) =>
    [0.5, 1, 2].map((pace) => {
      const { hostUs, prepareUs } = work(batch, null, pace);
      return [Math.round(hostUs), Math.round(prepareUs)];
    })
  );
  // 200 and 800 times the pace; a step is prepared as one of a graph is.
  assert.deepEqual(told, [[600, 600], [1000, 1000], [1800, 1800], [2500, 600], [5000, 1000], [10_000, 1800]]);
});

Deno.test("stepModel learns from all parts, or those that it is told, and judges each load by terms of others", () => {
  const of = (names: string[], learnFrom?: string[]): [learned: readonly string[], judged: string[]] => {
    const steps = names.flatMap((part) => HOSTED.slice(0, 2).map((step) => ({ ...step, part })));
    const served = { head: HEAD, steps };
    const { learnedFrom, heldOut } = stepModel(BUNDLE, {
      model: MODEL,
      served,
      ...learnFrom && { learnFrom },
    });
    return [learnedFrom, heldOut.map(({ part }) => part)];
  };
  assert.deepEqual(of(["load: a", "designed: b", "recorded: c", "load: d"]), [
    ["load: a", "designed: b", "load: d"],
    ["load: a", "load: d"],
  ]);
  assert.deepEqual(of(["load: a", "recorded: b"]), [["load: a"], []]);
  assert.deepEqual(of(["load: a", "load: b"], ["load: b"]), [["load: b"], ["load: a"]]);
  assert.deepEqual(of(["load: a", "load: b"], ["load: a", "load: b"]), [["load: a", "load: b"], []]);
  assert.deepEqual(of([]), [[], []]);
});

Deno.test("a load is judged by terms that it did not teach, at the pace of its own host", () => {
  const slow = LOAD.map((step) => ({ ...step, part: "load: slow", hostUs: step.hostUs! * 2 }));
  const served = { head: HEAD, steps: [...DESIGNED, ...LOAD, ...slow] };
  const { heldOut } = stepModel(BUNDLE, { model: MODEL, served });
  const alone = stepModel(BUNDLE, {
    model: MODEL,
    served,
    learnFrom: [...new Set(DESIGNED.map(({ part }) => part)), "load: slow"],
  });
  assert.deepEqual(heldOut[0], alone.heldOut[0]);
  const probed = (pace: number, step: ServedStep): ServedStep => ({ ...step, probeUs: 20 * pace });
  const told = {
    head: HEAD,
    steps: [...DESIGNED.map((step) => probed(1, step)), ...LOAD.map((step) => probed(6, step))],
  };
  const paced = stepModel(BUNDLE, {
    model: MODEL,
    served: told,
    learnFrom: [...new Set(DESIGNED.map(({ part }) => part))],
  });
  assert.ok(paced.heldOut[0]!.busyError > 0.2, "six times the host's time is the load's");
  const batch: Batch = { prefills: [], decodes: [{ kv: 100, count: 4 }] };
  const { steadyUs } = paced.terms;
  assert.equal(paced.work(batch, null, 3).hostUs - steadyUs, 3 * (paced.work(batch).hostUs - steadyUs));
  const slowed = stepModel(BUNDLE, { model: MODEL, served: told, hostPace: 3 });
  assert.equal(slowed.work(batch).hostUs, slowed.work(batch, null, 3).hostUs);
});

Deno.test("stepModel names layers without times, and estimates that are of a data sheet", () => {
  const bare = {
    ...BUNDLE,
    tps: [1, 2],
    table: (tp: number, category: Parameters<PredictorSource["table"]>[1]) =>
      category === "per_sequence" ? [] : BUNDLE.table(tp, category),
  };
  const served = { head: HEAD, steps: HOSTED };
  assert.deepEqual(stepModel(bare, { model: MODEL, served }).notices, [
    "The bundle holds no times of lm_head: a step has them for nothing",
  ]);
  const model = { ...MODEL, config: { num_hidden_layers: 2, hidden_size: 1024, vocab_size: 64_000 } };
  const notices = (tp: number, source: "measured" | "data sheet"): readonly string[] =>
    stepModel({ ...BUNDLE, tps: [1, 2] }, { model, tp, communication: { source, us: () => 20 } }).notices
      .slice(1);
  const estimate = "Communication is an estimate by the link's data sheet, which real links do not reach";
  assert.deepEqual([notices(1, "data sheet"), notices(2, "measured"), notices(2, "data sheet")], [[], [], [
    estimate,
  ]]);
  const unknown = stepModel({ ...BUNDLE, tps: [1, 2] }, {
    ...{ model, tp: 2, communication: { source: "measured", us: () => null } },
  });
  assert.match(unknown.notices.at(-1)!, /^Communication between 2 devices is left out/);
});

Deno.test("stepModel: what devices exchange grows with the tokens and the requests of a step", () => {
  const model = { ...MODEL, config: { num_hidden_layers: 2, hidden_size: 1024, vocab_size: 64_000 } };
  const asked: string[] = [];
  const communication = {
    source: "measured",
    us: ({ bytes }: { readonly bytes: number }) => (asked.push(`${bytes}`), 1),
  } as const;
  const made = stepModel({ ...BUNDLE, tps: [1, 2] }, { model, tp: 2, communication });
  const bytes = (batch: Batch): string => {
    asked.length = 0;
    made.work(batch);
    return asked.join();
  };
  const one = bytes({ prefills: [], decodes: [{ kv: 9, count: 1 }] }).split(",").map(Number);
  assert.equal(
    bytes({ prefills: [], decodes: [{ kv: 9, count: 2 }, { kv: 8, count: 1 }] }),
    one.map((each) => 3 * each).join(),
  );
  const prefilled = bytes({ prefills: [{ chunk: 10, history: 0 }], decodes: [{ kv: 9, count: 2 }] }).split(
    ",",
  ).map(Number);
  // 12 tokens of hidden states, and logits of 3 requests.
  assert.deepEqual([...new Set(prefilled.map((each, at) => each / one[at]!))].sort(), [12, 3]);
});
