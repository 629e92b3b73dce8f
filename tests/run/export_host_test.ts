/** Cluster files and what is told of them, of a made-up host. */
import assert from "node:assert/strict";
import type { WholeBundle } from "../../src/bundle/open.ts";
import { plural } from "../../src/count_text.ts";
import type { Model } from "../../src/model/model.ts";
import { type Host, hostFiles, type HostFilesOptions } from "../../src/run/export_host.ts";
import { fits } from "../../src/serving/capacity.ts";

const CONFIG = {
  num_hidden_layers: 2,
  hidden_size: 128,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 16,
  intermediate_size: 256,
  vocab_size: 1000,
  max_position_embeddings: 4096,
  torch_dtype: "bfloat16",
};
const fit = (ranks: number, bandwidthGibS: number): Host["fits"][number] =>
  ({ ranks, bandwidthGibS, latencyNs: 10 * ranks, error: 0.04, worstError: 0.126 }) as Host["fits"][number];
const HOST: Host = {
  ...{ text: null, memoryGib: 2, bandwidthGbS: 4800, link: null, collectives: null, fits: [], power: null },
};
const LEFT = (tps: string): string =>
  `Cluster files for tp ${tps} are left out: nobody measured the link between devices; shotlab collectives measures it, ` +
  "or pass --link-bandwidth and --link-latency";
const CPU =
  "cpu_mem of the cluster files is an assumption; it counts when KV blocks are moved to the host alone";
const POWER = "The power block is left out: the bundle's journal has no readings of the device's power";
const fitted = (tp: number, ranks: number, more = ""): string =>
  `tp ${tp}: the link is fitted to collectives between ${ranks} devices, 4% off on average and 13% at most${more}`;
const BETWEEN = "; between so many devices nobody measured";

interface Told {
  readonly links: (readonly [tp: number, bandwidthGibS: number | undefined, latencyNs: number | undefined])[];
  readonly notes: string[];
  readonly others: string[];
  readonly clusters: Record<string, unknown>[];
}
function told(
  host: Partial<Host>,
  { tps = [1, 2, 4], config = {}, meta = {}, ...options }: Partial<HostFilesOptions> & {
    tps?: number[];
    config?: Record<string, unknown>;
    meta?: object;
  } = {},
): Told {
  const notes: string[] = [];
  const bundle = { dir: "/b", tps, meta: { hardware: "H200", ...meta } } as unknown as WholeBundle;
  const model = { id: "org/m", config: { ...CONFIG, ...config }, architecture: {} } as unknown as Model;
  const { clusters, others } = hostFiles(bundle, model, { ...HOST, ...host }, {
    ...{ simulator: "v1.2", link: undefined, hardwareDir: "perf/H200", sheet: null },
    ...options,
  }, notes);
  const read = clusters.map(({ text }) => JSON.parse(text));
  return {
    links: read.map((one) => [one.nodes[0].instances[0].num_npus, one.link_bw, one.link_latency]),
    notes: notes.filter((note) => !/: mem_util /.test(note)),
    others: others.map(({ path }) => path),
    clusters: read,
  };
}

const links: [
  what: string,
  host: Partial<Host>,
  options: Partial<HostFilesOptions>,
  links: Told["links"],
  notes: string[],
][] = [
  ["nothing is known", {}, {}, [[1, 1, 0]], [LEFT("2, 4"), POWER, CPU]],
  ["the user names it", { fits: [fit(2, 400)] }, { link: { bandwidthGibS: 7, latencyNs: 8 } }, [
    [1, 7, 8],
    [2, 7, 8],
    [4, 7, 8],
  ], [POWER, CPU]],
  ["it was fitted between two devices", { fits: [fit(2, 400)] }, {}, [
    [1, undefined, undefined],
    [2, undefined, undefined],
    [4, undefined, undefined],
  ], [fitted(2, 2), fitted(4, 2, BETWEEN), POWER, CPU]],
  ["it was fitted between two and four", { fits: [fit(2, 400), fit(4, 300)] }, {}, [
    [1, undefined, undefined],
    [2, undefined, undefined],
    [4, 300, 40],
  ], [fitted(2, 2), fitted(4, 4), POWER, CPU]],
  ["August reads no hardware.yaml", { fits: [fit(2, 400), fit(4, 300)] }, { simulator: "august" }, [
    [1, 400, 20],
    [2, 400, 20],
    [4, 300, 40],
  ], [fitted(2, 2), fitted(4, 4), POWER, CPU]],
  [
    "hardware.yaml names it",
    { text: "x", link: { bandwidthGibS: 5, latencyNs: 6 }, fits: [fit(2, 400)] },
    {},
    [
      [1, undefined, undefined],
      [2, undefined, undefined],
      [4, undefined, undefined],
    ],
    [POWER, CPU],
  ],
  ["hardware.yaml names none", { text: "x", fits: [fit(2, 400)] }, {}, [[1, 400, 20], [2, 400, 20], [
    4,
    400,
    20,
  ]], [
    "hardware.yaml is taken as it is and names no link: what collectives.csv measured stands in the cluster files",
    ...[fitted(2, 2), fitted(4, 2, BETWEEN), POWER, CPU],
  ]],
];
for (const [what, host, options, expected, notes] of links) {
  Deno.test(`the link of cluster files where ${what}`, () => {
    const found = told(host, options);
    assert.deepEqual([found.links, found.notes], [expected, notes]);
  });
}

Deno.test("a cluster file has one instance of the degree, its memory in August's alone", () => {
  const capacity = fits({ id: "", config: CONFIG, architecture: null as never }, { memory_gib: 2 }, {
    tp: 2,
  });
  // A rank has one KV head of two: the simulator counts as many blocks.
  const perBlock = 2 * 2 * 16 * 2 * 16;
  const share = (capacity.bytes.weights + (capacity.blocks + 0.5) * perBlock) / 2 ** 31;
  const cluster = (npu_mem: object): object => ({
    num_nodes: 1,
    link_bw: 7,
    link_latency: 8,
    nodes: [{
      num_instances: 1,
      cpu_mem: { mem_size: 512, mem_bw: 256, mem_latency: 0 },
      instances: [{
        ...{ model_name: "org/m", hardware: "H200" },
        npu_mem: { ...npu_mem, mem_util: Number(share.toFixed(6)) },
        ...{ num_npus: 2, tp_size: 2, pd_type: null },
      }],
    }],
  });
  const asked = { tps: [2], link: { bandwidthGibS: 7, latencyNs: 8 } };
  assert.deepEqual(told({}, asked).clusters, [cluster({})]);
  assert.deepEqual(told({}, { ...asked, simulator: "august" }).clusters, [
    cluster({ mem_size: 2, mem_bw: 4800, mem_latency: 0 }),
  ]);
});

Deno.test("where more devices than KV heads share a model, each has one: blocks are counted by that", () => {
  const config = { ...CONFIG, num_key_value_heads: 2 };
  const capacity = fits({ id: "", config, architecture: null as never }, { memory_gib: 2 }, { tp: 4 });
  const perBlock = 2 * 2 * 16 * 2 * 16 / 2;
  const share = (capacity.bytes.weights + (capacity.blocks + 0.5) * perBlock) / 2 ** 31;
  const [cluster] = told({}, { tps: [4], link: { bandwidthGibS: 7, latencyNs: 8 } }).clusters as {
    nodes: { instances: { npu_mem: object }[] }[];
  }[];
  assert.deepEqual(cluster!.nodes[0]!.instances[0]!.npu_mem, { mem_util: Number(share.toFixed(6)) });
});

const unknown: [what: string, config: Record<string, unknown>, memoryGib: number, problem: string][] = [
  [
    "quantized weights",
    { quantization_config: { quant_method: "fp8" } },
    2,
    "the simulator's own count of quantized weights is not known",
  ],
  [
    "recurrent layers",
    { layer_types: ["linear_attention", "full_attention"] },
    2,
    "the state of its recurrent layers is not counted",
  ],
  [
    "mixers beside attention",
    { model_type: "falcon_h1" },
    2,
    "the state of its recurrent layers is not counted",
  ],
  ["latent attention", { kv_lora_rank: 8 }, 2, "the simulator knows one kind of KV cache"],
  [
    "windows beside full attention",
    { sliding_window: 32, layer_types: ["sliding_attention", "full_attention"] },
    2,
    "the simulator knows one kind of KV cache",
  ],
  ["too little memory", {}, 0.7, "the model does not fit"],
  [
    "a type without a size",
    { torch_dtype: "fp7" },
    2,
    "Cannot say whether the model fits: the size of the type fp7 is not known; known are float32, float16, bfloat16, fp8, fp8_e4m3, fp8_e5m2, int8, int4, mxfp4, nvfp4",
  ],
];
for (const [what, config, memoryGib, problem] of unknown) {
  Deno.test(`mem_util is left out: ${what}`, () => {
    const notes: string[] = [];
    const bundle = { dir: "/b", tps: [1], meta: {} } as unknown as WholeBundle;
    const model = { id: "org/m", config: { ...CONFIG, ...config }, architecture: {} } as unknown as Model;
    const options = { simulator: "v1.2", link: undefined, hardwareDir: "h", sheet: null } as const;
    const { clusters } = hostFiles(bundle, model, { ...HOST, memoryGib }, options, notes);
    assert.deepEqual(notes.filter((note) => /mem_util/.test(note)), [
      `tp 1: mem_util is left out (${problem}); the simulator then takes 0.9 of the memory and knows of no activations`,
    ]);
    assert.equal(clusters[0]!.path, "configs/cluster/_org_m_tp1.json");
    assert.deepEqual(JSON.parse(clusters[0]!.text).nodes[0].instances[0].npu_mem, {});
  });
}

Deno.test("what the engine took of memory is asked for with its own limits, and told", () => {
  const notesOf = (meta: object): string[] => {
    const notes: string[] = [];
    const bundle = { dir: "/b", tps: [1], meta } as unknown as WholeBundle;
    const model = { id: "org/m", config: CONFIG, architecture: {} } as unknown as Model;
    hostFiles(bundle, model, HOST, {
      ...{ simulator: "v1.2", link: undefined, hardwareDir: "h", sheet: null },
    }, notes);
    return notes.filter((note) => /mem_util/.test(note));
  };
  const model = { id: "", config: CONFIG, architecture: null as never };
  const told = (options: object): string => {
    const { blocks, bytes } = fits(model, { memory_gib: 2 }, options);
    const share = (bytes.weights + (blocks + 0.5) * 2 * 2 * 2 * 16 * 2 * 16) / 2 ** 31;
    return `tp 1: mem_util ${Number(share.toFixed(6))} of 2 GiB leaves ${
      plural(blocks, "KV block")
    }, an estimate of vLLM's ` +
      "num_gpu_blocks (docs/serving.md)";
  };
  assert.deepEqual(notesOf({}), [told({})]);
  const engine_effective = { max_num_batched_tokens: 64, max_num_seqs: 8 };
  assert.deepEqual(notesOf({ engine_effective }), [told({ maxNumBatchedTokens: 64, maxNumSeqs: 8 })]);
});

Deno.test("hardware.yaml and collectives.csv are written for v1.2 alone, where something is known", () => {
  const collectives = { head: {}, samples: [] } as unknown as Host["collectives"];
  assert.deepEqual(told({}).others, []);
  assert.deepEqual(told({ text: "x" }).others, ["perf/H200/hardware.yaml"]);
  assert.deepEqual(told({ text: "x", collectives }).others, [
    "perf/H200/hardware.yaml",
    "perf/H200/collectives.csv",
  ]);
  assert.deepEqual(told({ text: "x", collectives }, { simulator: "august" }).others, []);
  const power = { idleW: 70, busyW: 500 } as Host["power"];
  assert.deepEqual(
    told({ power }, { tps: [1] }).notes.at(-2),
    POWER.replace(/: the bundle.*/, "") +
      ', as nobody measured the host\'s parts of it; its npu part by the bundle\'s journal: "H200": {"idle_power": 70, ' +
      '"active_power": 500}, lowest reading between shots and mean of layers under a lasting load',
  );
});
