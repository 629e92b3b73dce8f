import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../src/errors.ts";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import { formatBlocks, formatSequence } from "../../src/model/format_architecture.ts";
import { layersOf } from "../../src/model/layers.ts";
import { listFiles } from "../../src/model/list_files.ts";
import type { Architecture, LayerGroup } from "../../src/model/model.ts";
import vectors from "../data/tp-overrides.json" with { type: "json" };

const SMALL = `
sequence:
  prologue: [embedding]
  pre_attn: [norm, mla]
  post_attn: []
  mlp_dense: []
  mlp_moe: []
  head: [norm, sampler]
catalog:
  dense:
    embedding: { vllm: VocabParallelEmbedding }
    norm: { vllm: [RMSNorm, LayerNorm], within: Decoder, tp_stable: true }
  per_sequence:
    sampler: { vllm: Sampler }
  attention:
    mla: { vllm: MLAAttention }
  moe: {}
`;

Deno.test("the architecture files have the reference's layers and sequence, in its order", async () => {
  for (const { architecture, tp, sequence, categories } of vectors.categories) {
    const ours = await loadArchitecture(architecture, "configs");
    assert.equal(JSON.stringify(ours.sequence), JSON.stringify(sequence), architecture);
    for (const { name, layers, tp_stable } of categories) {
      const found = layersOf(ours, name as LayerGroup);
      assert.deepEqual(found.map((layer) => layer.name), layers, `${architecture} ${name} tp ${tp}`);
      // The heads of a rank are normalised: qk_norm depends on the degree, whatever the reference says.
      const stable = tp_stable.filter((layer) => layer !== "qk_norm");
      assert.deepEqual(found.filter((layer) => layer.tpStable).map((layer) => layer.name), stable);
    }
    assert.equal(layersOf(ours, "moe").length, ["llama", "qwen3"].includes(architecture) ? 0 : 1);
  }
});

Deno.test("the architecture files know the modules that vLLM makes for the positions of their families", async () => {
  const usual = {
    default: "RotaryEmbedding",
    linear: "LinearScalingRotaryEmbedding",
    dynamic: "DynamicNTKScalingRotaryEmbedding",
    yarn: "YaRNScalingRotaryEmbedding",
  };
  const more: Record<string, Record<string, string>> = {
    llama: { llama3: "Llama3RotaryEmbedding" },
    phimoe: { longrope: "Phi3LongRoPEScaledRotaryEmbedding" },
  };
  for (const modelType of ["llama", "mixtral", "phimoe", "qwen3", "qwen3_moe"]) {
    const { catalog } = await loadArchitecture(modelType, "configs");
    for (const [ropeType, name] of Object.entries({ ...usual, ...more[modelType] })) {
      assert.ok(catalog.dense.rotary_emb?.vllm.includes(name), `${modelType}: ${ropeType}`);
    }
  }
});

Deno.test("parseArchitecture reads names and alternatives as lists, and any name for the attention layer", () => {
  const { sha256, ...architecture } = parseArchitecture(SMALL, "configs/architecture/small.yaml");
  assert.equal(sha256.length, 64);
  assert.deepEqual(architecture, {
    modelType: "small",
    sequence: {
      prologue: ["embedding"],
      pre_attn: ["norm", "mla"],
      post_attn: [],
      mlp_dense: [],
      mlp_moe: [],
      head: ["norm", "sampler"],
    },
    catalog: {
      dense: {
        embedding: { vllm: ["VocabParallelEmbedding"] },
        norm: { vllm: ["RMSNorm", "LayerNorm"], within: ["Decoder"], tp_stable: true },
      },
      per_sequence: { sampler: { vllm: ["Sampler"] } },
      attention: { mla: { vllm: ["MLAAttention"] } },
      moe: {},
    },
  });
});

Deno.test("parseArchitecture takes groups and stages that a file lacks for empty", () => {
  const whole = parseArchitecture(SMALL, "small.yaml");
  for (const line of ["  moe: {}\n", "  mlp_moe: []\n", "  mlp_dense: []\n"]) {
    const { sequence, catalog } = parseArchitecture(SMALL.replace(line, ""), "small.yaml");
    assert.deepEqual({ sequence, catalog }, { sequence: whole.sequence, catalog: whole.catalog });
  }
});

Deno.test("parseArchitecture names the layer and the rule that it breaks", () => {
  const cases: readonly [from: string, to: string, rule: string][] = [
    ["norm, mla", "norm, qkv, mla", "layer 'qkv' of sequence.pre_attn must be in the catalog"],
    ["[norm, sampler]", "[norm]", "layer 'sampler' of catalog.per_sequence must be in the sequence"],
    [
      "    sampler:",
      "    norm:",
      "layer 'norm' must be in one group, got catalog.dense and catalog.per_sequence",
    ],
    [
      "  attention:\n    mla: { vllm: MLAAttention }",
      "  attention: {}",
      "catalog.attention must have one layer, got none",
    ],
    [
      "    mla:",
      "    more: { vllm: Attention }\n    mla:",
      "catalog.attention must have one layer, got more, mla",
    ],
    [
      "moe: {}",
      "moe: { a: { vllm: A }, b: { vllm: B } }",
      "catalog.moe must have one layer at most, got a, b",
    ],
    [
      "moe: {}",
      "moe: {}\n  mlp: {}",
      "catalog has an unknown key 'mlp'; known are dense, per_sequence, attention, moe",
    ],
    [
      "    sampler:",
      "    'a,b':",
      "layer 'a,b' must have a name of letters, digits, '_', '.' and '-'",
    ],
    ["  moe: {}\n", "  moe: []\n", "catalog.moe must map layer names to entries; {} for none"],
    [
      "  head:",
      "  tail: []\n  head:",
      "sequence has an unknown key 'tail'; known are prologue, pre_attn, post_attn, mlp_dense, mlp_moe, head",
    ],
    [
      "  mlp_moe: []\n",
      "  mlp_moe: {}\n",
      "sequence.mlp_moe must be a layer name, in a list that is [] for none",
    ],
    [
      "prologue: [embedding]",
      "prologue: [1]",
      "sequence.prologue.0 must be a layer name, in a list that is [] for none",
    ],
    [
      "{ vllm: Sampler }",
      "{ vllm: Sampler, stable: true }",
      "catalog.per_sequence.sampler has an unknown key 'stable'; known are vllm, within, tp_stable",
    ],
    [
      "{ vllm: Sampler }",
      "{ vllm: [] }",
      "catalog.per_sequence.sampler.vllm must be a class name or a list of them",
    ],
    [
      "{ vllm: Sampler }",
      "{ within: Sampler }",
      "catalog.per_sequence.sampler.vllm must be a class name or a list of them",
    ],
    [
      "{ vllm: Sampler }",
      "Sampler",
      "catalog.per_sequence.sampler must be a map with vllm, within, tp_stable",
    ],
    ["tp_stable: true", 'tp_stable: "true"', "catalog.dense.norm.tp_stable must be true or false"],
    [SMALL, "", "the file must be a map with sequence, catalog"],
    [
      "\ncatalog:",
      "\nextra: 1\ncatalog:",
      "the file has an unknown key 'extra'; known are sequence, catalog",
    ],
  ];
  for (const [from, to, rule] of cases) {
    const text = SMALL.replace(from, to);
    if (to !== "") assert.notEqual(text, SMALL);
    assert.throws(
      () => parseArchitecture(text, "small.yaml"),
      new UsageError(`Cannot use architecture small.yaml: ${rule}`),
    );
  }
});

Deno.test("parseArchitecture names the file when it is no YAML", () => {
  assert.throws(
    () => parseArchitecture("sequence: [", "small.yaml"),
    (error: Error) => error instanceof UsageError && error.message.startsWith("Cannot read small.yaml: "),
  );
});

Deno.test("loadArchitecture lists what is there when a model_type is unknown", async () => {
  const known = await listFiles("configs/architecture", ".yaml");
  assert.ok(known.includes("llama"));
  for (const modelType of ["gpt2", "../model/x", ""]) {
    await assert.rejects(
      loadArchitecture(modelType, "configs"),
      new UsageError(
        `Cannot use model_type '${modelType}': configs/architecture describes ` +
          `${
            known.join(", ")
          }; add ${modelType}.yaml there (the command inspect drafts it), or choose another model`,
      ),
    );
  }
});

Deno.test("formatSequence and formatBlocks write files that are read back, and August's form only where it has one", async () => {
  for (const modelType of ["llama", "mixtral", "phimoe", "qwen3", "qwen3_moe"]) {
    const ours = await loadArchitecture(modelType, "configs");
    for (const write of [formatSequence, formatBlocks]) {
      const { sequence, catalog } = parseArchitecture(write(ours), `${modelType}.yaml`);
      assert.deepEqual({ sequence, catalog }, { sequence: ours.sequence, catalog: ours.catalog });
    }
  }
  const folder = fileURLToPath(new URL("../data", import.meta.url));
  for (const modelType of ["deepseek_v32", "qwen3_5", "minimax_m3_vl"]) {
    const { sha256: _, ...kinds } = await loadArchitecture(modelType, folder);
    const { sha256: __, ...again } = parseArchitecture(
      formatBlocks(kinds as Architecture),
      `${modelType}.yaml`,
    );
    assert.deepEqual(again, kinds);
    assert.throws(() => formatSequence(kinds as Architecture), {
      name: "UsageError",
      message:
        `Cannot write architecture ${modelType} for August: it knows one kind of decoder layer, one attention ` +
        "kernel and the groups dense, per_sequence, attention and moe; export it for v1.2",
    });
  }
});

Deno.test("loadArchitecture finds a file that lists the model_type, and refuses two that do", async () => {
  const folder = fileURLToPath(new URL("../data", import.meta.url));
  assert.equal((await loadArchitecture("glm_moe_dsa", folder)).modelType, "deepseek_v32");
  const dir = await Deno.makeTempDir();
  await Deno.mkdir(`${dir}/architecture`);
  const text = formatBlocks(await loadArchitecture("llama", "configs"), ["cousin"]);
  for (const name of ["a", "b"]) await Deno.writeTextFile(`${dir}/architecture/${name}.yaml`, text);
  await assert.rejects(
    loadArchitecture("cousin", dir),
    new UsageError(
      `Cannot use model_type 'cousin': a and b of ${dir}/architecture both list it; leave it in one`,
    ),
  );
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a drafter of before v1.2.0 has a block, which is what its passes begin with", () => {
  const text = (mtp: string): string =>
    `blocks: { attn: { full_attention: { pre_attn: [attention] } } }\nshared: {}\nmtp: { ${mtp} }\n` +
    "catalog:\n  mtp: { proj: { vllm: Linear }, norm: { vllm: RMSNorm } }\n  attention: { attention: { vllm: Attention } }\n";
  const read = (mtp: string): unknown => parseArchitecture(text(mtp), "drafted.yaml").mtp;
  assert.deepEqual(read("block: [norm, proj]"), { prologue: ["norm", "proj"], head: [] });
  assert.deepEqual(
    read("prologue: [proj], decoder_block: { attn: full_attention }, head: [norm]"),
    { prologue: ["proj"], decoder_block: { attn: "full_attention" }, head: ["norm"] },
  );
  assert.throws(() => read("block: [nobody]"), {
    message: "Cannot use architecture drafted.yaml: layer 'nobody' of mtp.prologue must be in the catalog",
  });
});

const BLOCKS = `
blocks:
  attn:
    full_attention: { pre_attn: [norm_rope, attention], post_attn: [] }
shared: { prologue: [], head: [] }
catalog:
  dense:
    norm_rope: { vllm: RMSNorm, within: Attention, kernels: _fused_norm_rope_kernel }
  attention:
    attention: { vllm: Attention }
`;

Deno.test("a layer may be kernels by name of a block, and modules beside them, in our form and in that of v1.2", () => {
  const entryOf = (entry: string): unknown =>
    parseArchitecture(BLOCKS.replace(/norm_rope: .*/, `norm_rope: ${entry}`), "a.yaml").catalog.dense
      .norm_rope;
  const both = { vllm: ["RMSNorm"], within: ["Attention"], kernels: ["_fused_norm_rope_kernel"] };
  assert.deepEqual(parseArchitecture(BLOCKS, "a.yaml").catalog.dense.norm_rope, both);
  const alone = { vllm: [], within: ["Attention"], kernels: ["rope", "cache"] };
  assert.deepEqual(entryOf("{ within: Attention, kernels: [rope, cache] }"), alone);
  assert.deepEqual(entryOf("{ vllm: [], within: Attention, kernels: [rope, cache] }"), alone);
  for (
    const [entry, rule] of [
      ["{ within: Attention }", ".vllm must be a class name or a list of them"],
      ["{ kernels: rope }", ".within must be a class name or a list of them"],
      ["{ within: A, kernels: [] }", ".kernels must be a text in the names of kernels or a list of them"],
      [
        "{ within: A, kernels: rope, stable: true }",
        " has an unknown key 'stable'; known are vllm, within, tp_stable, not_within, sequence_parallel, " +
        "key_saturates, kernels",
      ],
    ] as const
  ) {
    assert.throws(() => entryOf(entry), {
      message: `Cannot use architecture a.yaml: catalog.dense.norm_rope${rule}`,
    });
  }
  assert.throws(
    () => parseArchitecture(SMALL.replace("{ vllm: Sampler }", "{ vllm: Sampler, kernels: a }"), "a.yaml"),
    {
      message: /unknown key 'kernels'/,
    },
  );
  const v1_2 = "{ vllm: [RMSNorm, _fused_norm_rope_kernel], within: Attention }";
  assert.deepEqual(entryOf(v1_2), both, "as v1.2 writes it");
  const prefixed = { vllm: [], within: ["Attention"], kernels: ["vllm::fused_norm*"] };
  assert.deepEqual(entryOf('{ vllm: "vllm::fused_norm*", within: Attention }'), prefixed);
  const told = formatBlocks({ ...parseArchitecture(BLOCKS, "a.yaml"), sha256: "" });
  assert.match(told, /norm_rope:\n {6}vllm: \[RMSNorm, _fused_norm_rope_kernel\]\n/);
  assert.deepEqual(parseArchitecture(told, "a.yaml").catalog.dense.norm_rope, both);
});
