import assert from "node:assert/strict";
import { dirname } from "node:path";
import { readCollectives } from "../../src/bundle/collectives_file.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import { UsageError } from "../../src/errors.ts";
import { parseYaml } from "../../src/files/yaml.ts";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import { formatBlocks } from "../../src/model/format_architecture.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { exportBundle } from "../../src/run/export_bundle.ts";

const META = `hardware: H100
model: Qwen/Qwen3-0.6B
variant: bf16
tp_degrees: [1, 2]
engine_effective:
  max_num_batched_tokens: 64
  max_num_seqs: 8
engine_resolved:
  per_tp:
    1:
      block_size: 16
`;
const FIT = `skew_fit:
  enabled: false
  kept: v1.2 refuses it
  per_tp:
    1:
      alpha_default: 0.5
      alpha_by_bucket:
        pc=0|n<=2|sr<=70%|kvB<=1k|kp=0: 0.25
`;
const HEADER = "layer,prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,time_us";

async function withBundle(
  files: Readonly<Record<string, string>>,
  run: (dir: string, to: string) => Promise<void>,
): Promise<void> {
  const perf = await Deno.makeTempDir();
  const dir = `${perf}/H100/Qwen/Qwen3-0.6B/bf16`;
  await Deno.mkdir(`${dir}/tp1`, { recursive: true });
  const usual = {
    "meta.yaml": META + FIT,
    "tp1/dense.csv": "layer,tokens,time_us\nembedding,16,5\n",
    "tp1/per_sequence.csv": "layer,sequences,time_us\nlm_head,1,5\n",
    "tp1/attention.csv": `${HEADER}\nattention,0,0,0.0,2,64,1,10\nattention,0,0,0.0,2,128,1,20\n`,
    "tp1/skew.csv": "n,nb,pc,kp,kvs,kv_big,t_skew_us\n2,1,0,0,64,128,14\n",
  };
  try {
    for (const [path, text] of Object.entries({ ...usual, ...files })) {
      await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${dir}/${path}`, text);
    }
    await run(dir, `${perf}/out`);
  } finally {
    await Deno.remove(perf, { recursive: true });
  }
}

Deno.test("exportBundle keeps the list of predicted rows, for either simulator, so that none passes for measured", () =>
  withBundle({}, async (dir, to) => {
    const estimated = "prefill_chunk,kv_prefill,n_decode,kv_decode,expected_error\n0,0,1,16,0.02\n";
    await Deno.writeTextFile(`${dir}/tp1/estimated.csv`, estimated);
    for (const simulator of ["august", "v1.2"] as const) {
      const { bundleDir, notes } = await exportBundle(dir, { simulator, to: `${to}/${simulator}` });
      assert.equal(await Deno.readTextFile(`${bundleDir}/tp1/estimated.csv`), estimated);
      assert.deepEqual(
        notes.filter((note) => note.includes("which the simulator does not open")),
        simulator === "august" ? ["tp1: skew.csv left out, which the simulator does not open"] : [],
      );
    }
  }));

Deno.test("exportBundle writes for August what it takes as it is, and turns a fit on that was kept", () =>
  withBundle({}, async (dir, to) => {
    const { files, notes, command, bundleDir } = await exportBundle(dir, { simulator: "august", to });
    assert.deepEqual(files, [
      "README.md",
      "configs/cluster/H100_Qwen_Qwen3-0.6B_tp1.json",
      "configs/model/Qwen/Qwen3-0.6B.json",
      "profiler/models/qwen3.yaml",
      "profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/meta.yaml",
      "profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/tp1/attention.csv",
      "profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/tp1/dense.csv",
      "profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/tp1/per_sequence.csv",
      "workloads/shotlab_example.jsonl",
    ]);
    assert.deepEqual(notes, [
      "tp1: skew.csv left out, which the simulator does not open",
      "tp 1: mem_util 0.88636 of 80 GiB leaves 40,836 KV blocks, an estimate of vLLM's num_gpu_blocks (docs/serving.md)",
      "The power block is left out: the bundle's journal has no readings of the device's power",
      "cpu_mem of the cluster files is an assumption; it counts when KV blocks are moved to the host alone",
    ]);
    const example = (await Deno.readTextFile(`${to}/workloads/shotlab_example.jsonl`)).trimEnd().split("\n");
    assert.deepEqual(example.map((line) => JSON.parse(line).input_toks), [
      128,
      256,
      384,
      512,
      128,
      256,
      384,
      512,
      128,
      256,
    ]);
    assert.equal(example[0], '{"input_toks":128,"output_toks":32,"arrival_time_ns":1}');
    assert.equal(example[9], '{"input_toks":256,"output_toks":32,"arrival_time_ns":900000001}');
    assert.equal(
      command.replaceAll(" \\\n  ", " "),
      "python -m serving --cluster-config configs/cluster/H100_Qwen_Qwen3-0.6B_tp1.json " +
        "--dataset workloads/shotlab_example.jsonl --num-reqs 10 --no-enable-prefix-caching " +
        "--max-num-batched-tokens 64 --max-num-seqs 8 --block-size 16",
    );
    const bundle = await openBundle(bundleDir);
    const batch = { prefills: [], decodes: [{ kv: 64, count: 1 }, { kv: 128, count: 1 }] };
    assert.equal(predictor(bundle).explainBatch(1, batch).alpha, 0.25);
    const architecture = parseYaml(await Deno.readTextFile(`${to}/profiler/models/qwen3.yaml`)) as object;
    assert.deepEqual(Object.keys(architecture), ["sequence", "catalog"]);
    const cluster = JSON.parse(await Deno.readTextFile(`${to}/${files[1]}`));
    assert.deepEqual(cluster.nodes[0].instances[0].npu_mem, {
      ...{ mem_size: 80, mem_bw: 3350, mem_latency: 0, mem_util: 0.88636 },
    });
    const readme = await Deno.readTextFile(`${to}/README.md`);
    for (const text of [command, ...notes]) assert.ok(readme.includes(text), text);
  }));

const fits: [
  what: string,
  fit: string,
  simulator: "august" | "v1.2",
  enabled: boolean,
  note: RegExp | null,
][] = [
  ["one that is off", "enabled: false", "august", false, null],
  [
    "one that is off",
    "enabled: false",
    "v1.2",
    false,
    /^skew_fit is off: times of unlike histories are not corrected/,
  ],
  ["one that is on", "enabled: true", "august", true, null],
  ["August's, on", "enabled: true", "v1.2", false, /^The alphas are August's: skew_fit is off/],
  ["one that was kept", "enabled: false\n  kept: v1.2 refuses it", "august", true, null],
  [
    "one that was kept",
    "enabled: false\n  kept: v1.2 refuses it",
    "v1.2",
    false,
    /^skew_fit is off: times of unlike histories are not corrected/,
  ],
];
for (const [what, fit, simulator, enabled, told] of fits) {
  Deno.test(`exportBundle of a fit, ${what}, for ${simulator}: ${enabled ? "on" : "off"}`, () =>
    withBundle(
      { "meta.yaml": META + FIT.replace("enabled: false\n  kept: v1.2 refuses it", fit) },
      async (dir, to) => {
        const { notes, bundleDir } = await exportBundle(dir, { simulator, to });
        const { meta } = await openBundle(bundleDir);
        assert.equal(meta.skew_fit?.enabled, enabled);
        assert.equal(
          meta.skew_fit?.kept,
          simulator === "v1.2" && fit.includes("kept") ? "v1.2 refuses it" : undefined,
        );
        const found = notes.filter((note) => /skew_fit/.test(note));
        assert.equal(found.length, told === null ? 0 : 1, notes.join());
        if (told !== null) assert.match(found[0]!, told);
      },
    ));
}

Deno.test("exportBundle writes for v1.2 blocks, hardware.yaml, and a fit that it does not refuse", () =>
  withBundle(
    { "meta.yaml": META + FIT.replace("enabled: false\n  kept: v1.2 refuses it", "enabled: true") },
    async (dir, to) => {
      const { files, notes, bundleDir } = await exportBundle(dir, { simulator: "v1.2", to });
      assert.ok(files.includes("profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/tp1/skew.csv"));
      assert.ok(notes.some((note) => note.startsWith("The alphas are August's: skew_fit is off")));
      const errors = (await validate(bundleDir, { simulator: "v1.2" })).filter(({ severity }) =>
        severity === "error"
      );
      assert.deepEqual(errors.map(({ code }) => code), ["tp-missing"]);
      const text = await Deno.readTextFile(`${to}/profiler/models/qwen3.yaml`);
      const { blocks, catalog } = parseArchitecture(text, "qwen3.yaml");
      const own = await loadArchitecture("qwen3", "configs");
      assert.deepEqual(blocks?.mlp.dense, own.sequence["mlp_dense"]);
      assert.deepEqual(catalog, own.catalog);
      const hardware = parseYaml(await Deno.readTextFile(`${to}/profiler/perf/H100/hardware.yaml`)) as {
        defaults: { npu_mem: object; link_bw?: object };
      };
      assert.deepEqual(hardware.defaults, {
        npu_mem: {
          mem_size: {
            value: 80,
            source: "spec",
            unit: "GiB",
            from: "data sheet, configs/hardware/H100.yaml",
          },
          mem_bw: {
            value: 3350,
            source: "spec",
            unit: "GB/s",
            from: "data sheet, configs/hardware/H100.yaml",
          },
          mem_latency: { value: 0, source: "assumed", unit: "ns" },
        },
      });
      const bytes = (path: string): Promise<string> => Deno.readTextFile(`${path}/tp1/attention.csv`);
      assert.equal(await bytes(bundleDir), await bytes(dir));
    },
  ));

const DRAFTERS: readonly (readonly [what: string, block: string, expected: unknown])[] = [
  ["no kind", "", { attn: "full_attention", mlp: "dense" }],
  ["a kind without its MLP", "\n  decoder_block: { attn: full_attention }", {
    attn: "full_attention",
    mlp: "dense",
  }],
  ["a whole kind", "\n  decoder_block: { attn: full_attention, mlp: moe }", {
    attn: "full_attention",
    mlp: "moe",
  }],
];
for (const [what, block, expected] of DRAFTERS) {
  Deno.test(`exportBundle names the kind of a drafter's decoder layer for v1.2 where its file has ${what}`, () =>
    withBundle({}, async (dir, to) => {
      const configDir = `${dirname(to)}/configs`;
      await copy("configs", configDir);
      const path = `${configDir}/architecture/qwen3.yaml`;
      const newer = formatBlocks(await loadArchitecture("qwen3", "configs"));
      const drafter = newer.replace(/^catalog:\n/m, `mtp:\n  prologue: []${block}\n  head: []\n$&`);
      await Deno.writeTextFile(path, drafter);
      await exportBundle(dir, { simulator: "v1.2", to, configDir });
      const text = await Deno.readTextFile(`${to}/profiler/models/qwen3.yaml`);
      const { mtp } = parseYaml(text) as { mtp: { decoder_block: unknown } };
      assert.deepEqual(mtp.decoder_block, expected);
    }));
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

Deno.test("exportBundle leaves out for August what it would take for something else", () =>
  withBundle({
    "tp1/attention.csv": "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
      "attention,16,24.0,2,64,1,10\nattention,16,24.0,2,64,4,20\nindexer,16,24.0,2,64,1,3\n",
    "tp1/moe.csv": "ep,tokens,activated_experts,time_us\n1,16,8,50\n2,16,4,30\n",
    "tp1/mtp.csv": "layer,sequences,time_us\nm,1,5\n",
  }, async (dir, to) => {
    const { notes, bundleDir } = await exportBundle(dir, { simulator: "august", to });
    assert.deepEqual(notes.slice(0, 3), [
      "tp1/attention.csv: 2 rows left out that August has no place for (other kernels, several new tokens a decode)",
      "tp1/moe.csv: 1 row left out that August has no place for (experts on several devices)",
      "tp1: mtp.csv, skew.csv left out, which the simulator does not open",
    ]);
    assert.equal(
      await Deno.readTextFile(`${bundleDir}/tp1/attention.csv`),
      `${HEADER}\nattention,16,16,24.0,2,64,1,10\n`,
    );
    assert.equal(
      await Deno.readTextFile(`${bundleDir}/tp1/moe.csv`),
      "tokens,activated_experts,time_us\n16,8,50\n",
    );
  }));

Deno.test("exportBundle says what it cannot know, and refuses a folder in use", () =>
  withBundle({
    "meta.yaml": META.replace("hardware: H100", "hardware: NEW"),
    "tp2/attention.csv": `${HEADER}\nattention,0,0,0.0,2,64,1,10\n`,
  }, async (dir, to) => {
    const { notes, files } = await exportBundle(dir, { simulator: "v1.2", to });
    assert.ok(notes.includes(
      "No sheet configs/hardware/NEW.yaml: cluster files and hardware.yaml are left out, as nobody says how much " +
        "memory the device has",
    ));
    assert.ok(files.every((path) => !path.startsWith("configs/cluster") && !path.endsWith("hardware.yaml")));
    await assert.rejects(
      exportBundle(dir, { simulator: "v1.2", to }),
      (error) =>
        error instanceof UsageError &&
        /^Cannot export to .*: the folder must be empty, but has /.test(error.message),
    );
    for (const field of ["hardware", "model", "variant"]) {
      await Deno.writeTextFile(`${dir}/meta.yaml`, META.replace(new RegExp(`^${field}: .*\n`, "m"), ""));
      await assert.rejects(
        exportBundle(dir, { simulator: "v1.2", to: `${to}2` }),
        new UsageError(`Cannot export ${dir}: its meta.yaml must name hardware, model and variant`),
      );
    }
  }));

Deno.test("exportBundle writes clusters of several devices with the link that it is told, and without it says so", () =>
  withBundle({ "tp2/attention.csv": `${HEADER}\nattention,0,0,0.0,2,64,1,10\n` }, async (dir, to) => {
    const without = await exportBundle(dir, { simulator: "august", to });
    assert.ok(
      without.notes.some((note) => note.startsWith("Cluster files for tp 2 are left out: nobody measured")),
    );
    const link = { bandwidthGibS: 450, latencyNs: 5000 };
    await exportBundle(dir, { simulator: "august", to: `${to}2`, link });
    const cluster = JSON.parse(
      await Deno.readTextFile(`${to}2/configs/cluster/H100_Qwen_Qwen3-0.6B_tp2.json`),
    );
    assert.deepEqual([cluster.link_bw, cluster.link_latency, cluster.nodes[0].instances[0].tp_size], [
      450,
      5000,
      2,
    ]);
  }));

Deno.test("exportBundle takes what hardware.yaml of the card measured", () =>
  withBundle({
    "../../../hardware.yaml": "defaults:\n" +
      "  link_bw: { value: 100, source: measured, unit: GiB/s }\n" +
      "  link_latency: { value: 6600, source: measured, unit: ns }\n" +
      "  npu_mem:\n    mem_size: { value: 79, source: measured }\n",
    "tp2/attention.csv": `${HEADER}\nattention,0,0,0.0,2,64,1,10\n`,
  }, async (dir, to) => {
    const cluster = async (folder: string): Promise<Record<string, unknown>> =>
      JSON.parse(await Deno.readTextFile(`${folder}/configs/cluster/H100_Qwen_Qwen3-0.6B_tp2.json`));
    await exportBundle(dir, { simulator: "august", to });
    const august = await cluster(to);
    assert.deepEqual([august.link_bw, august.link_latency], [100, 6600]);
    assert.ok(
      JSON.stringify(august).includes('"npu_mem":{"mem_size":79,"mem_bw":3350,"mem_latency":0,"mem_util":0.'),
    );
    await exportBundle(dir, { simulator: "v1.2", to: `${to}2` });
    const newer = await cluster(`${to}2`);
    assert.deepEqual(["link_bw" in newer, "link_latency" in newer], [false, false]);
    const written = await Deno.readTextFile(`${to}2/profiler/perf/H100/hardware.yaml`);
    assert.equal(written, await Deno.readTextFile(`${dir}/../../../hardware.yaml`));
    await Deno.writeTextFile(`${dir}/../../../hardware.yaml`, "defaults:\n  link_bw: { value: fast }\n");
    await assert.rejects(
      exportBundle(dir, { simulator: "v1.2", to: `${to}3` }),
      (error) =>
        error instanceof UsageError && error.message.endsWith("defaults.link_bw.value must be a number"),
    );
  }));

Deno.test("exportBundle writes the tables of a device that is at work, and says that they are an estimate", () =>
  withBundle({
    "meta.yaml": `${META}${FIT}sustained:
- { category: dense, tp: 1, key: [16], layer: embedding, time_us: 5.5, power_w: 690, sm_clock_mhz: 1500 }
- { category: attention, tp: 1, key: [0, 0, 2, 64], layer: attention, time_us: 10, power_w: 400, sm_clock_mhz: 1980 }
`,
  }, async (dir, to) => {
    const given = await Deno.readTextFile(`${dir}/meta.yaml`);
    for (const simulator of ["august", "v1.2"] as const) {
      const { bundleDir, notes } = await exportBundle(dir, {
        simulator,
        state: "sustained",
        to: `${to}-${simulator}`,
      });
      const { meta, table } = await openBundle(bundleDir);
      assert.equal(meta.state, "sustained");
      // Off it is off for its own reason; on it was made for other times.
      const told = (notes: readonly string[]): string[] =>
        notes.filter((note) => note.startsWith("skew_fit is off"));
      assert.deepEqual(
        told(notes).map((note) => /unlike histories/.test(note)),
        simulator === "v1.2" ? [true] : [],
      );
      await Deno.writeTextFile(
        `${dir}/meta.yaml`,
        given.replace("enabled: false\n  kept: v1.2 refuses it", "enabled: true"),
      );
      const on = await exportBundle(dir, { simulator, state: "sustained", to: `${to}-${simulator}-on` });
      assert.deepEqual(
        told(on.notes),
        simulator === "v1.2" ? ["skew_fit is off: its alphas were made for the times as measured"] : [],
      );
      await Deno.writeTextFile(`${dir}/meta.yaml`, given);
      assert.deepEqual(table(1, "dense").map(({ timeUs }) => timeUs), [5.5]);
      assert.deepEqual(table(1, "attention").map(({ timeUs }) => timeUs), [10, 20]);
      assert(
        notes.includes(
          "The tables are an estimate for a device that is at work all the time, not as measured (state in meta.yaml)",
        ),
      );
    }
    const { bundleDir } = await exportBundle(dir, { simulator: "august", to: `${to}-cool` });
    assert.deepEqual((await openBundle(bundleDir)).table(1, "dense").map(({ timeUs }) => timeUs), [5]);
  }));

const COLLECTIVES = `# ${
  JSON.stringify({
    ...{ format: 1, backend: "nccl", device: "NVIDIA H100", driver: "580", runtime: "torch 2.11" },
    ...{ engine_version: "0.26.0", graphs: true, dtype: "bfloat16", at: "2026-11-29T00:00:00Z" },
    host: { processor: "made-up", cores: 16 },
  })
}
ranks,way,collective,bytes,us,min_us,max_us,trials
2,nccl,all_reduce,4096,10,9,11,5
2,nccl,all_reduce,1048576,20,19,21,5
2,vllm,all_reduce,4096,5,4,6,5
2,vllm,all_reduce,1048576,15,14,16,5
2,nccl,all_gather,4096,8,7,9,5
2,nccl,all_gather,1048576,18,17,19,5
4,nccl,all_reduce,4096,20,9,21,5
4,nccl,all_reduce,1048576,40,19,41,5
`;

Deno.test("exportBundle fits the link to measured collectives, a degree by its own devices", () =>
  withBundle({
    "meta.yaml": META.replace("[1, 2]", "[1, 2, 4, 8]"),
    "../../../collectives.csv": COLLECTIVES,
    ...Object.fromEntries(
      [2, 4, 8].map((tp) => [`tp${tp}/attention.csv`, `${HEADER}\nattention,0,0,0.0,2,64,1,10\n`]),
    ),
  }, async (dir, to) => {
    type Figure = { readonly value: number; readonly source: string };
    type Cluster = { link_bw?: number; link_latency?: number };
    const { notes } = await exportBundle(dir, { simulator: "v1.2", to });
    const cluster = async (folder: string, tp: number): Promise<Cluster> =>
      JSON.parse(await Deno.readTextFile(`${folder}/configs/cluster/H100_Qwen_Qwen3-0.6B_tp${tp}.json`));
    const { defaults, measured } = parseYaml(
      await Deno.readTextFile(`${to}/profiler/perf/H100/hardware.yaml`),
    ) as {
      defaults: {
        link_bw: Figure;
        link_latency: Figure;
        collective_links: Record<string, { link_bw: Figure }>;
      };
      measured: { interconnect: { npus: number; samples: object[] } };
    };
    assert.equal(defaults.link_bw.source, "measured");
    assert.deepEqual(Object.keys(defaults.collective_links), ["all_reduce", "all_gather"]);
    assert.deepEqual([measured.interconnect.npus, measured.interconnect.samples.length], [2, 4]);
    assert.deepEqual(measured.interconnect.samples[0], {
      ...{ collective: "all_reduce", bytes: 4096, us: 5, us_graphed: 5 },
    });
    const written = await readCollectives(`${to}/profiler/perf/H100`);
    assert.deepEqual(written, await readCollectives(`${dir}/../../..`));
    assert.equal((await cluster(to, 2)).link_bw, undefined); // inherited, with a bandwidth of each collective
    assert.equal((await cluster(to, 8)).link_bw, undefined);
    const four = await cluster(to, 4);
    assert.ok(four.link_bw! > 0 && four.link_latency! > 0);
    const links = (told: readonly string[]): string[] =>
      told.flatMap((note) => /^tp \d+: the link|^hardware\.yaml is taken/.exec(note)?.[0] ?? []);
    assert.deepEqual(links(notes), ["tp 2: the link", "tp 4: the link", "tp 8: the link"]);
    const named = { bandwidthGibS: 100, latencyNs: 500 };
    assert.deepEqual(
      links((await exportBundle(dir, { simulator: "v1.2", to: `${to}4`, link: named })).notes),
      [],
    );
    await Deno.writeTextFile(
      `${dir}/../../../hardware.yaml`,
      "defaults:\n  npu_mem:\n    mem_size: { value: 79 }\n",
    );
    const given = await exportBundle(dir, { simulator: "v1.2", to: `${to}3` });
    assert.deepEqual(links(given.notes), [
      "hardware.yaml is taken",
      ...["tp 2: the link", "tp 4: the link", "tp 8: the link"],
    ]);
    const august = await exportBundle(dir, { simulator: "august", to: `${to}5` });
    assert.deepEqual(links(august.notes), ["tp 2: the link", "tp 4: the link", "tp 8: the link"]);
    const both = await exportBundle(dir, { simulator: "v1.2", to: `${to}6`, link: named });
    assert.deepEqual(links(both.notes), []);
    await Deno.remove(`${dir}/../../../hardware.yaml`);
    assert.match(
      notes.find((note) => note.startsWith("tp 2: the link"))!,
      /between 2 devices, \d+% off on average/,
    );
    assert.match(notes.find((note) => note.startsWith("tp 4: the link"))!, /between 4 devices/);
    assert.match(
      notes.find((note) => note.startsWith("tp 8: the link"))!,
      /between so many devices nobody measured$/,
    );

    await exportBundle(dir, { simulator: "august", to: `${to}2` });
    const two = await cluster(`${to}2`, 2);
    assert.deepEqual([two.link_bw, two.link_latency], [defaults.link_bw.value, defaults.link_latency.value]);
    assert.deepEqual(await cluster(`${to}2`, 4).then(({ link_bw }) => link_bw), four.link_bw);
  }));

Deno.test("exportBundle tells the device's power where its journal has it, and never makes up the host's", () =>
  withBundle({
    "meta.yaml": `${META}sustained:
${
      [["2048", 700, 100], ["2048", 400, 50], ["16", 90, 10]].map(([key, power, time], at) =>
        `- { category: dense, layer: l${at}, tp: 1, key: [${key}], time_us: ${time}, power_w: ${power}, sm_clock_mhz: 1500 }`
      ).join("\n")
    }
`,
    "journal.jsonl": [
      { type: "session", format: 2, started: "2026-11-29T00:00:00Z", identity: {}, settings: {} },
      ...[150, 120.04, 300].map((power_w) => ({
        ...{
          type: "state",
          sm_clock_mhz: 1980,
          memory_clock_mhz: 3201,
          temperature_c: 40,
          power_w,
          throttle: [],
        },
      })),
    ].map((line) => `${JSON.stringify(line)}\n`).join(""),
  }, async (dir, to) => {
    const { notes } = await exportBundle(dir, { simulator: "v1.2", to });
    assert.match(
      notes.find((note) => note.startsWith("The power block"))!,
      /nobody measured the host's parts of it; its npu part .*"H100": \{"idle_power": 120, "active_power": 600\}/,
    );
    const { measured } = parseYaml(await Deno.readTextFile(`${to}/profiler/perf/H100/hardware.yaml`)) as {
      measured: { power: object };
    };
    assert.deepEqual(measured.power, { idle_w: 120, busy_w: 600 });
  }));
