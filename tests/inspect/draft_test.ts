import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { type ArchitectureDraft, draftArchitecture } from "../../src/inspect/draft.ts";
import { formatArchitecture } from "../../src/inspect/format.ts";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import type { LayerKind } from "../../src/model/kinds.ts";
import type { Walk } from "../../src/harness/walk.ts";
import { madeUpWalk } from "./made_up_walk.ts";

const BATCHES = { prefill: [{ newTokens: 16, history: 0 }, { newTokens: 24, history: 0 }] };
const FULL = { kind: "full", block_size: 16, span: null } as const;
const SLIDING = { kind: "sliding", block_size: 16, span: 64 } as const;
const STATE = { kind: "state", block_size: 512, span: null } as const;

const kind = (attn: string, mlp: LayerKind["mlp"] = "dense"): LayerKind => ({ attn, mlp, sparse: false });

function draft(
  text: string,
  kinds: readonly LayerKind[],
  caches: Walk["caches"] = [FULL],
  model: readonly LayerKind[] = kinds,
): ArchitectureDraft {
  return draftArchitecture({
    kinds,
    model,
    walk: madeUpWalk(text, { caches }),
    sharded: madeUpWalk(text, { caches, tp: 2 }),
    batches: BATCHES,
  });
}

const LLAMA = `
model LlamaModel
  embed_tokens VocabParallelEmbedding sharded
  layers.0 LlamaDecoderLayer
    input_layernorm RMSNorm
    self_attn LlamaAttention
      qkv_proj QKVParallelLinear sharded
      rotary_emb RotaryEmbedding sharded
      attn Attention sharded cache=0
      o_proj RowParallelLinear sharded
    post_attention_layernorm RMSNorm
    mlp LlamaMLP
      gate_up_proj MergedColumnParallelLinear sharded
      act_fn SiluAndMul sharded
      down_proj RowParallelLinear sharded
  norm RMSNorm
logits_processor LogitsProcessor rows=2 sharded
sampler Sampler rows=2
  topk TopKTopPSampler rows=2`;

Deno.test("a dense model comes out as the file that was written by hand for it", async () => {
  const found = draft(LLAMA, [kind("full_attention")]);
  const text = formatArchitecture(found, { comment: ["a comment"] });
  const { sequence, catalog } = parseArchitecture(text, "llama.yaml");
  const written = parseArchitecture(await Deno.readTextFile("configs/architecture/llama.yaml"), "llama.yaml");
  assert.deepEqual(sequence, written.sequence);
  for (const group of ["dense", "per_sequence", "attention", "moe"] as const) {
    const stable = (of: typeof catalog): [string, boolean][] =>
      Object.entries(of[group]).map(([name, entry]) => [name, entry.tp_stable ?? false]);
    assert.deepEqual(stable(catalog), stable(written.catalog));
  }
  assert.ok(text.startsWith("# a comment\nsequence:\n  prologue: [embedding]\n"));
});

Deno.test("what an attention calls is its own, other modules of that class are told by it", () => {
  const found = draft(
    `
model DeepseekV2Model
  layers.0 DeepseekV2DecoderLayer
    self_attn DeepseekV2MLAAttention
      q_b_proj ColumnParallelLinear sharded
      mla_attn MLAAttention sharded cache=0 +5
        kv_b_proj ColumnParallelLinear sharded
      o_proj RowParallelLinear sharded`,
    [kind("full_attention", "none")],
  );
  const { blocks, catalog } = found;
  assert.deepEqual(blocks.attn.full_attention?.pre_attn, ["mla_b_proj", "attention"]);
  assert.deepEqual(catalog.dense.mla_b_proj, {
    vllm: ["ColumnParallelLinear"],
    within: ["DeepseekV2MLAAttention"],
    not_within: ["MLAAttention"],
  });
  const written = parseArchitecture(formatArchitecture(found, { comment: [] }), "deepseek.yaml").catalog;
  assert.deepEqual(written.dense["mla_b_proj"], catalog.dense["mla_b_proj"]);
});

Deno.test("classes that carry several layers are told by the module around them", () => {
  const { catalog } = draft(LLAMA, [kind("full_attention")]);
  assert.deepEqual(catalog.dense.layernorm, {
    vllm: ["RMSNorm"],
    within: ["LlamaDecoderLayer"],
    tp_stable: true,
  });
  assert.deepEqual(catalog.dense.final_layernorm, {
    vllm: ["RMSNorm"],
    within: ["LlamaModel"],
    tp_stable: true,
  });
  assert.deepEqual(catalog.dense.o_proj, { vllm: ["RowParallelLinear"], within: ["LlamaAttention"] });
  assert.deepEqual(catalog.dense.down_proj, { vllm: ["RowParallelLinear"], within: ["LlamaMLP"] });
  assert.deepEqual(catalog.dense.qkv_proj, { vllm: ["QKVParallelLinear"] });
  assert.deepEqual(catalog.per_sequence.sampler, { vllm: ["Sampler"], tp_stable: true });
});

Deno.test("no layer is taken to be independent of a degree that could not be booted", () => {
  const walk = madeUpWalk(LLAMA);
  const { catalog } = draftArchitecture({
    kinds: [kind("full_attention")],
    model: [kind("full_attention")],
    walk,
    sharded: null,
    batches: BATCHES,
  });
  assert.ok(Object.values(catalog).every((group) => Object.values(group).every((entry) => !entry.tp_stable)));
});

Deno.test("kinds of attention have names of their own, norms of queries and keys are one layer", () => {
  const layer = (n: number): string => `
  layers.${n} Gemma3DecoderLayer
    input_layernorm GemmaRMSNorm
    self_attn Gemma3Attention
      qkv_proj QKVParallelLinear
      q_norm GemmaRMSNorm
      k_norm GemmaRMSNorm
      rotary_emb RotaryEmbedding
      attn Attention cache=${n}
      o_proj RowParallelLinear
    post_attention_layernorm GemmaRMSNorm
    pre_feedforward_layernorm GemmaRMSNorm
    mlp Gemma3MLP
      gate_up_proj MergedColumnParallelLinear
      act_fn GeluAndMul
      down_proj RowParallelLinear
    post_feedforward_layernorm GemmaRMSNorm`;
  const text = `
model Gemma3Model +0.5 after=1
  embed_tokens VocabParallelEmbedding${layer(0)}${layer(1)}
  norm GemmaRMSNorm`;
  const { blocks, shared, catalog } = draft(text, [kind("sliding_attention"), kind("full_attention")], [
    SLIDING,
    FULL,
  ]);
  const post_attn = ["o_proj", "layernorm", "layernorm"];
  assert.deepEqual(blocks, {
    attn: {
      sliding_attention: {
        pre_attn: ["layernorm", "qkv_proj", "qk_norm", "rotary_emb", "sliding_attention"],
        post_attn,
      },
      full_attention: {
        pre_attn: ["layernorm", "qkv_proj", "qk_norm", "rotary_emb", "attention"],
        post_attn,
      },
    },
    sparse_attn: {},
    mlp: { dense: ["gate_up_proj", "act_fn", "down_proj", "layernorm"], moe: [] },
  });
  assert.deepEqual(shared, { prologue: ["embedding", "model_glue"], head: ["final_layernorm"] });
  assert.deepEqual(Object.keys(catalog.attention), ["sliding_attention", "attention"]);
  assert.deepEqual(catalog.dense.model_glue, { vllm: ["Gemma3Model"], tp_stable: true });
});

Deno.test("latent attention, experts with shared ones in them, and the dense first layer", () => {
  const layer = (n: number, mlp: string): string => `
  layers.${n} DeepseekV2DecoderLayer
    input_layernorm RMSNorm
    self_attn DeepseekV2MLAAttention
      mla_attn MultiHeadLatentAttentionWrapper
        fused_qkv_a_proj DeepSeekV2FusedQkvAProjLinear
        q_a_layernorm RMSNorm
        q_b_proj ColumnParallelLinear
        kv_a_layernorm RMSNorm
        rotary_emb RotaryEmbedding
        mla_attn MLAAttention cache=0
        o_proj RowParallelLinear
    post_attention_layernorm RMSNorm${mlp}`;
  const dense = `
    mlp DeepseekV2MLP
      gate_up_proj MergedColumnParallelLinear
      act_fn SiluAndMul
      down_proj RowParallelLinear`;
  const moe = `
    mlp DeepseekV2MoE
      experts MoERunner experts
        gate GateLinear
        shared_experts DeepseekV2MLP
          gate_up_proj MergedColumnParallelLinear`;
  const { blocks, catalog } = draft(`model DeepseekV2Model${layer(0, dense)}${layer(1, moe)}`, [
    kind("full_attention"),
    kind("full_attention", "moe"),
  ]);
  assert.deepEqual(blocks.attn.full_attention, {
    pre_attn: [
      "layernorm",
      "mla_qkv_a_proj",
      "mla_a_layernorm",
      "mla_b_proj",
      "rotary_emb",
      "attention",
    ],
    post_attn: ["o_proj", "layernorm"],
  });
  assert.deepEqual(blocks.mlp, { dense: ["gate_up_proj", "act_fn", "down_proj"], moe: ["moe"] });
  assert.deepEqual(catalog.moe, { moe: { vllm: ["DeepseekV2MoE"] } });
  assert.deepEqual(Object.keys(catalog.attention), ["attention"]);
});

Deno.test("a mixer that launches kernels beside its projections is a layer where its longest kernel runs", () => {
  const text = `
model FalconH1Model
  layers.0 FalconH1ParallelHybrid +0.3 after=2
    input_layernorm RMSNorm
    self_attn FalconH1AttentionDecoderLayer
      qkv_proj QKVParallelLinear
      attn Attention cache=0
      o_proj RowParallelLinear
    mamba FalconH1SSMDecoderLayer
      mamba MambaMixer2 cache=1 +9 after=1
        in_proj MergedColumnParallelLinear
        norm Mixer2RMSNormGated
        out_proj RowParallelLinear
    pre_ff_layernorm RMSNorm
    feed_forward FalconH1MLP
      gate_up_proj MergedColumnParallelLinear`;
  const { blocks, catalog } = draft(text, [kind("hybrid_attention")], [FULL, STATE]);
  assert.deepEqual(blocks.attn.hybrid_attention, {
    pre_attn: ["layernorm", "qkv_proj", "attention", "o_proj", "layer_glue", "ssm_in_proj", "ssm"],
    post_attn: ["ssm_norm", "ssm_out_proj", "layernorm"],
  });
  assert.deepEqual(catalog.linear_attention, { ssm: { vllm: ["MambaMixer2"], tp_stable: true } });
  assert.deepEqual(catalog.dense.o_proj!.within, ["FalconH1AttentionDecoderLayer"]);
  assert.deepEqual(catalog.dense.ssm_out_proj!.within, ["MambaMixer2"]);
});

Deno.test("attention that no module of its own carries is what its block launches", () => {
  const text = `
model TransformersModel
  layers.0 Olmo2DecoderLayer
    self_attn Olmo2Attention +7 after=3
      qkv_proj QKVParallelLinear
      q_norm TPAwareRMSNorm
      k_norm TPAwareRMSNorm
      o_proj RowParallelLinear
    post_attention_layernorm TPAwareRMSNorm`;
  const { blocks, catalog } = draft(text, [kind("full_attention")]);
  assert.deepEqual(blocks.attn.full_attention, {
    pre_attn: ["qkv_proj", "qk_norm", "attention"],
    post_attn: ["o_proj", "layernorm"],
  });
  assert.deepEqual(catalog.attention.attention!.vllm, ["Olmo2Attention"]);
});

const phimoe = (additions: number): string => `
embed_tokens VocabParallelEmbedding sharded
layers.0 PhiMoEDecoderLayer adds=${additions}
  input_layernorm LayerNorm
  self_attn PhiMoEAttention
    qkv_proj QKVParallelLinear sharded
    rotary_emb RotaryEmbedding sharded
    attn Attention sharded cache=0
    o_proj RowParallelLinear sharded
  post_attention_layernorm LayerNorm
  block_sparse_moe PhiMoE
    experts MoERunner experts
norm LayerNorm
logits_processor LogitsProcessor rows=2 sharded
sampler Sampler rows=2`;

Deno.test("an addition for each norm is the residual's, and counts with the norms", async () => {
  const found = draft(phimoe(2), [kind("full_attention", "moe")]);
  const written = await loadArchitecture("phimoe", "configs");
  const { sequence, catalog } = parseArchitecture(formatArchitecture(found, { comment: [] }), "phimoe.yaml");
  assert.deepEqual(sequence, written.sequence);
  for (const field of ["vllm", "within"] as const) {
    assert.deepEqual(
      catalog.dense.layernorm![field]!.toSorted(),
      written.catalog.dense.layernorm![field]!.toSorted(),
    );
  }
  assert.equal(catalog.dense.layernorm!.tp_stable, true);
  assert.deepEqual(found.catalog.dense.final_layernorm, { vllm: ["LayerNorm"], tp_stable: true });
  assert.deepEqual(Object.keys(catalog.dense).sort(), Object.keys(written.catalog.dense).sort());
  const { catalog: others } = draft(phimoe(3), [kind("full_attention", "moe")]);
  assert.deepEqual(others.dense.layer_glue, { vllm: ["PhiMoEDecoderLayer"], tp_stable: true });
  assert.deepEqual(others.dense.layernorm?.vllm, ["LayerNorm"]);
});

Deno.test("what a block launches beside modules that are sharded depends on the degree", () => {
  const text = (sharded: string): string => `
model Model
  layers.0 DecoderLayer
    self_attn LlamaAttention +5
      qkv_proj QKVParallelLinear ${sharded}
      attn Attention cache=0`;
  const stable = (sharded: string): boolean | undefined =>
    draft(text(sharded), [kind("full_attention", "none")]).catalog.dense.attn_glue!.tp_stable;
  assert.deepEqual([stable(""), stable("sharded")], [true, undefined]);
});

Deno.test("what a block launches beside its modules is left out when it is next to nothing", () => {
  const text = (us: number): string => `
model Model
  layers.0 DecoderLayer +${us}
    self_attn LlamaAttention
      qkv_proj QKVParallelLinear +50
      attn Attention cache=0 +50`;
  const names = (us: number): string[] =>
    Object.keys(draft(text(us), [kind("full_attention", "none")]).catalog.dense);
  assert.deepEqual(names(0.4), ["qkv_proj"]);
  assert.deepEqual(names(0.6), ["layer_glue", "qkv_proj"]);
});

Deno.test("what a block launches beside its modules counts as often as the full model has the block", () => {
  const text = `
model Model
  layers.0 DecoderLayer +0.6
    self_attn LlamaAttention
      qkv_proj QKVParallelLinear +50
      attn Attention cache=0 +50
lm_head LogitsProcessor +900`;
  const one = [kind("full_attention", "none")];
  const names = (times: number): readonly string[] =>
    draft(text, one, [FULL], new Array<LayerKind>(times).fill(one[0]!)).blocks.attn.full_attention!.pre_attn;
  assert.deepEqual(names(1), ["qkv_proj", "attention"]);
  assert.deepEqual(names(12), ["qkv_proj", "attention"]);
  // 0.6 · times / (900 + 100.6 · times) passes 0.5% at 46.
  assert.deepEqual(names(45), ["qkv_proj", "attention"]);
  assert.deepEqual(names(47), ["layer_glue", "qkv_proj", "attention"]);
  assert.deepEqual(names(100), ["layer_glue", "qkv_proj", "attention"]);
});

Deno.test("an MLP beside the experts has names of its own, a mixer alone has no MLP", () => {
  const text = `
model GraniteModel
  layers.0 MambaDecoderLayer
    mixer MambaMixer2 cache=0 +3
  layers.1 GraniteDecoderLayer
    block_sparse_moe GraniteMoeMoE
      experts MoERunner experts
    shared_mlp GraniteMoeSharedMLP
      input_linear MergedColumnParallelLinear
      act_fn SiluAndMul
      output_linear RowParallelLinear`;
  const { blocks } = draft(text, [kind("linear_attention", "none"), kind("none", "moe")], [STATE]);
  assert.deepEqual(blocks, {
    attn: { linear_attention: { pre_attn: ["ssm"], post_attn: [] } },
    sparse_attn: {},
    mlp: { dense: [], moe: ["moe", "shared_gate_up_proj", "shared_act_fn", "shared_down_proj"] },
  });
});

Deno.test("layers of one name and unlike sizes are told by the kind of their decoder layer", () => {
  const layer = (n: number, weights: number): string => `
  layers.${n} DecoderLayer
    self_attn GemmaAttention
      qkv_proj QKVParallelLinear weights=${weights}
      attn Attention cache=${n}`;
  const { blocks } = draft(`model Model${layer(0, 8)}${layer(1, 16)}`, [
    kind("full_attention", "none"),
    kind("sliding_attention", "none"),
  ], [FULL, SLIDING]);
  assert.deepEqual(blocks.attn, {
    full_attention: { pre_attn: ["qkv_proj", "attention"], post_attn: [] },
    sliding_attention: { pre_attn: ["sliding_qkv_proj", "sliding_attention"], post_attn: [] },
  });
});

Deno.test("modules that nothing tells apart are one layer", () => {
  const text = `
model Model
  layers.0 DecoderLayer
    self_attn Attention2
      kv_down ReplicatedLinear
      q_down ReplicatedLinear
      attn Attention cache=0`;
  const { blocks, catalog } = draft(text, [kind("full_attention", "none")]);
  assert.deepEqual(blocks.attn.full_attention!.pre_attn, ["kv_down", "attention"]);
  assert.deepEqual(catalog.dense.kv_down!.vllm, ["ReplicatedLinear"]);
});

Deno.test("layers of one kind that are not alike are refused", () => {
  const layer = (n: number, norm: string): string => `
  layers.${n} DecoderLayer
    self_attn GemmaAttention
      qkv_proj QKVParallelLinear
      attn Attention cache=0${norm}`;
  const norm = "\n    post_norm RMSNorm";
  assert.throws(
    () => draft(`model Model${layer(0, norm)}${layer(1, "")}`, Array(2).fill(kind("full_attention", "none"))),
    (error: Error) =>
      error instanceof UsageError &&
      error.message.startsWith(
        "Cannot draft an architecture: layers of the kind full_attention/none/plain must",
      ),
  );
});

Deno.test("a draft with several kinds is read as it was written", () => {
  const found = draft(
    `
model Model
  embed_tokens VocabParallelEmbedding
  layers.0 DecoderLayer
    linear_attn QwenGatedDeltaNetAttention cache=0 +5 after=2
      in_proj_qkvz MergedColumnParallelLinear
      in_proj_ba MergedColumnParallelLinear
      chunk_gated_delta_rule ChunkGatedDeltaRule
      out_proj RowParallelLinear
  layers.1 DecoderLayer
    self_attn Qwen3NextAttention
      attn Attention cache=1`,
    [kind("linear_attention", "none"), kind("full_attention", "none")],
    [STATE, FULL],
  );
  const text = formatArchitecture(found, { comment: [], modelTypes: ["other"] });
  const { blocks, catalog, sequence } = parseArchitecture(text, "made_up.yaml");
  assert.deepEqual(blocks!.attn, found.blocks.attn);
  assert.deepEqual(found.blocks.attn.linear_attention, {
    pre_attn: ["gdn_in_proj", "gdn"],
    post_attn: ["gdn_out_proj"],
  });
  assert.deepEqual(catalog.linear_attention, found.catalog.linear_attention);
  assert.deepEqual(sequence["prologue"], ["embedding"]);
});

Deno.test("what decoder layers of two kinds add up stands behind their mixers, wherever its longest kernel ran", () => {
  const text = `
model GraniteModel
  layers.0 MambaDecoderLayer +30 after=3
    input_layernorm RMSNorm
    mixer MambaMixer2 cache=0 +3
    post_attention_layernorm RMSNorm
    shared_mlp GraniteMLP
      input_linear MergedColumnParallelLinear
  layers.1 AttentionDecoderLayer +30 after=4
    input_layernorm RMSNorm
    self_attn GraniteAttention
      attn Attention cache=1
    post_attention_layernorm RMSNorm
    shared_mlp GraniteMLP
      input_linear MergedColumnParallelLinear`;
  const { blocks, catalog } = draft(text, [kind("linear_attention"), kind("full_attention")], [STATE, FULL]);
  const post_attn = ["layer_glue", "layernorm"];
  assert.deepEqual(blocks.attn, {
    linear_attention: { pre_attn: ["layernorm", "ssm"], post_attn },
    full_attention: { pre_attn: ["layernorm", "attention"], post_attn },
  });
  assert.deepEqual(blocks.mlp.dense, ["gate_up_proj"]);
  assert.deepEqual(catalog.dense.layer_glue?.vllm, ["MambaDecoderLayer", "AttentionDecoderLayer"]);
});

Deno.test("a kernel of a block that has a name of its own is a layer of that name, in every batch the same", () => {
  const text = (kernel: string): string => `
model Qwen3NextModel
  layers.0 Qwen3NextDecoderLayer
    input_layernorm GemmaRMSNorm
    self_attn Qwen3NextAttention +2 runs=${kernel} after=1
      qkv_proj QKVParallelLinear
      attn Attention cache=0
      o_proj RowParallelLinear`;
  const kinds = [kind("full_attention", "none")];
  const found = draft(text("_fused_qk_rmsnorm_rope_gate_kernel"), kinds);
  assert.deepEqual(found.blocks.attn.full_attention!.pre_attn, [
    "layernorm",
    "qkv_proj",
    "attn_glue",
    "fused_qk_rmsnorm_rope_gate",
    "attention",
  ]);
  assert.deepEqual(found.catalog.dense.fused_qk_rmsnorm_rope_gate, {
    vllm: [],
    within: ["Qwen3NextAttention"],
    kernels: ["_fused_qk_rmsnorm_rope_gate_kernel"],
    tp_stable: true,
  });
  assert.deepEqual(found.catalog.dense.attn_glue, { vllm: ["Qwen3NextAttention"], tp_stable: true });
  const written = formatArchitecture(found, { comment: [] });
  assert.match(
    written,
    /fused_qk_rmsnorm_rope_gate:\n {6}within: Qwen3NextAttention\n {6}kernels: _fused_qk_rmsnorm_rope_gate_kernel\n/,
  );
  assert.deepEqual(parseArchitecture(written, "qwen3_next.yaml").catalog.dense, found.catalog.dense);

  const [prefill, decode] = ["_rope_kernel", "_rope_decode_kernel"].map((kernel) => madeUpWalk(text(kernel)));
  const walk = { ...prefill!, batches: { ...prefill!.batches, decode: decode!.batches.prefill! } };
  const batches = { prefill: BATCHES.prefill, decode: BATCHES.prefill };
  const both = draftArchitecture({ kinds, model: kinds, walk, sharded: null, batches });
  assert.deepEqual(Object.keys(both.catalog.dense), ["layernorm", "qkv_proj", "attn_glue", "o_proj"]);
});

Deno.test("what decoder layers of three kinds add up is moved where only one of them has it elsewhere", () => {
  const layer = (n: number, after: number): string => `
  layers.${n} DecoderLayer +30 after=${after}
    self_attn GraniteAttention
      attn Attention cache=0
    post_attention_layernorm RMSNorm
    shared_mlp GraniteMLP
      input_linear MergedColumnParallelLinear`;
  const kinds = ["full_attention", "sliding_attention", "chunked_attention"].map((attn) => kind(attn));
  const experts = "\n  layers.3 ExpertLayer\n    moe MoE\n      experts Experts experts";
  const text = `model Model${layer(0, 3)}${layer(1, 2)}${layer(2, 2)}${experts}`;
  const { blocks } = draft(text, [...kinds, kind("none", "moe")]);
  const post_attn = ["layer_glue", "layernorm"];
  assert.deepEqual(Object.values(blocks.attn).map((block) => block.post_attn), [
    post_attn,
    post_attn,
    post_attn,
  ]);
  assert.deepEqual(blocks.mlp.dense, ["gate_up_proj"]);
});

Deno.test("additions are the residual's as many as the norms of their own decoder layer are", () => {
  const layer = (n: number): string => `
layers.${n} PhiMoEDecoderLayer adds=2
  input_layernorm LayerNorm
  self_attn PhiMoEAttention
    attn Attention cache=0
  post_attention_layernorm LayerNorm
  block_sparse_moe PhiMoE
    experts MoERunner experts`;
  const { catalog } = draft(layer(0) + layer(1), Array(2).fill(kind("full_attention", "moe")));
  assert.deepEqual(Object.keys(catalog.dense), ["layernorm"]);
});

/** Two blocks that launch shares of a forward of 100 µs. */
const glues = (modelUs: number, attentionUs: number, after = 0): string => `
model Model +${modelUs} after=${after}
  layers.0 DecoderLayer
    self_attn LlamaAttention +${attentionUs} after=2
      qkv_proj QKVParallelLinear +49
      attn Attention cache=0 +50`;
const dusts: [string, string, string[]][] = [
  ["both, when they are less together", glues(0.2, 0.2), ["qkv_proj"]],
  ["the smaller one, when both are more", glues(0.2, 0.4), ["qkv_proj", "attn_glue"]],
  ["the smaller one, whichever comes first", glues(0.4, 0.2), ["model_glue", "qkv_proj"]],
  ["one behind other layers", glues(0.4, 0.9, 1), ["qkv_proj", "attn_glue"]],
];
for (const [what, text, names] of dusts) {
  Deno.test(`what blocks launch is left out as next to nothing: ${what}`, () => {
    assert.deepEqual(Object.keys(draft(text, [kind("full_attention", "none")]).catalog.dense), names);
  });
}

Deno.test("next to nothing is what it is in every batch", () => {
  const text = (us: number): string => `
model Model
  layers.0 DecoderLayer
    self_attn LlamaAttention +0.4
      qkv_proj QKVParallelLinear +${us}
      attn Attention cache=0 +50`;
  const names = (decodeUs: number): string[] =>
    Object.keys(draftOfTwo(text(50), text(decodeUs)).catalog.dense);
  assert.deepEqual(names(50), ["qkv_proj"]);
  assert.deepEqual(names(10), ["attn_glue", "qkv_proj"]);
});

/** A draft of two walks: a prefill, and decodes behind it. */
function draftOfTwo(prefill: string, decode: string): ArchitectureDraft {
  const both = (tp: number): Walk => {
    const walk = madeUpWalk(prefill, { tp });
    return { ...walk, batches: { ...walk.batches, decode: madeUpWalk(decode, { tp }).batches["prefill"]! } };
  };
  const kinds = [kind("full_attention")];
  return draftArchitecture({
    kinds,
    model: kinds,
    walk: both(1),
    sharded: both(2),
    batches: { ...BATCHES, decode: [{ newTokens: 1, history: 9 }] },
  });
}

Deno.test("what only another batch launches stands behind what it follows there, all else is there once", () => {
  const text = (attention: string, behind = ""): string => `
model Model
  layers.0 DecoderLayer
    input_layernorm RMSNorm
    self_attn LlamaAttention${attention}
      attn Attention cache=0
    post_attention_layernorm RMSNorm
    mlp LlamaMLP
      gate_up_proj MergedColumnParallelLinear${behind}`;
  const { blocks } = draftOfTwo(
    text("\n      rotary_emb RotaryEmbedding"),
    text("\n      reshape Reshape", "\n      scatter Scatter"),
  );
  assert.deepEqual(blocks.attn.full_attention, {
    pre_attn: ["layernorm", "reshape", "rotary_emb", "attention"],
    post_attn: ["layernorm"],
  });
  assert.deepEqual(blocks.mlp.dense, ["gate_up_proj", "scatter"]);
});

Deno.test("the first batch decides the order; what follows several of its layers stands behind the last of them", () => {
  const text = (...calls: string[]): string => `
model Model
  layers.0 DecoderLayer
    self_attn LlamaAttention
      attn Attention cache=0
    mlp LlamaMLP
      ${calls.join("\n      ")}`;
  const { blocks } = draftOfTwo(text("a A", "b B", "c C"), text("b B", "a A", "new New"));
  assert.deepEqual(blocks.mlp.dense, ["a", "b", "new", "c"]);
});

Deno.test("a layer that is called again at a later stage counts at the first", () => {
  const { blocks } = draft(
    `
model Model
  layers.0 DecoderLayer
    self_attn LlamaAttention
      gate Gate
      attn Attention cache=0
      gated Gated
        gate Gate2
      o_proj RowParallelLinear
    mlp LlamaMLP
      gate Gate3
      up Up`,
    [kind("full_attention")],
  );
  assert.deepEqual(blocks, {
    attn: { full_attention: { pre_attn: ["gate", "attention"], post_attn: ["o_proj"] } },
    sparse_attn: {},
    mlp: { dense: ["up"], moe: [] },
  });
});

Deno.test("a decoder layer whose attention launches nothing has its MLP all the same", () => {
  const text = `
model Model
  layers.0 DecoderLayer
    mlp LlamaMLP
      up Up
      down Down`;
  const { blocks } = draft(text, [kind("full_attention")]);
  assert.deepEqual(blocks.attn.full_attention, { pre_attn: [], post_attn: [] });
  assert.deepEqual(blocks.mlp.dense, ["up", "down"]);
});

Deno.test("a decoder layer without an MLP has all that follows its mixer behind it", () => {
  const text = `
model Model
  layers.0 DecoderLayer
    self_attn Attention cache=0
    dropout Dropout`;
  assert.deepEqual(draft(text, [kind("full_attention", "none")]).blocks, {
    attn: { full_attention: { pre_attn: ["attention"], post_attn: ["dropout"] } },
    sparse_attn: {},
    mlp: { dense: [], moe: [] },
  });
});

Deno.test("what blocks launch is not told apart by the sizes of what they hold, nor what decoder layers add up", () => {
  const layer = (n: number, weights: number): string => `
  layers.${n} DecoderLayer +5 weights=${weights} sharded=weights
    self_attn LlamaAttention +5 weights=${weights}
      attn Attention cache=${n}`;
  const { blocks, catalog } = draft(`model Model${layer(0, 8)}${layer(1, 16)}`, [
    kind("full_attention", "none"),
    kind("sliding_attention", "none"),
  ], [FULL, SLIDING]);
  assert.deepEqual(blocks.attn.sliding_attention?.pre_attn, ["layer_glue", "attn_glue", "sliding_attention"]);
  assert.equal(catalog.dense["layer_glue"]?.tp_stable, true);
});

Deno.test("a layer is independent of the degree when all of its calls are, and the sampler always", () => {
  const layer = (n: number, sharded: string): string => `
  layers.${n} DecoderLayer
    self_attn LlamaAttention
      gate Gate ${sharded}
      attn Attention cache=0`;
  const stable = (first: string, second: string): (string | undefined)[] => {
    const { catalog } = draft(
      `model Model${layer(0, first)}${layer(1, second)}\nsampler Sampler rows=2 sharded`,
      Array(2).fill(kind("full_attention", "none")),
    );
    return Object.values(catalog).flatMap((group) =>
      Object.entries(group).filter(([, entry]) => entry.tp_stable).map(([name]) => name)
    );
  };
  assert.deepEqual(stable("", ""), ["gate", "sampler", "attention"]);
  assert.deepEqual(stable("", "sharded"), ["sampler", "attention"]);
  assert.deepEqual(stable("sharded", ""), ["sampler", "attention"]);
  assert.deepEqual(stable("sharded=weights", "sharded=weights"), ["sampler", "attention"]);
});

const BASE: ArchitectureDraft = {
  blocks: {
    attn: { full_attention: { pre_attn: ["qkv_proj", "attention"], post_attn: ["o_proj"] } },
    sparse_attn: {},
    mlp: { dense: ["up"], moe: [] },
  },
  shared: { prologue: ["embedding"], head: ["lm_head"] },
  catalog: {
    dense: {
      qkv_proj: { vllm: ["QKV"] },
      o_proj: { vllm: ["A", "B"], within: ["Attention"] },
      up: { vllm: ["Up"] },
    },
    per_sequence: { lm_head: { vllm: ["Head"], tp_stable: true } },
    attention: { attention: { vllm: ["Attention"] } },
    linear_attention: {},
    moe: {},
  },
};
const stages = BASE.blocks.attn.full_attention!;
const blocks = (of: Partial<ArchitectureDraft["blocks"]>): ArchitectureDraft => ({
  ...BASE,
  blocks: { ...BASE.blocks, ...of },
});
const catalog = (of: Partial<ArchitectureDraft["catalog"]>): ArchitectureDraft => ({
  ...BASE,
  catalog: { ...BASE.catalog, ...of },
});
const written: [string, ArchitectureDraft, boolean][] = [
  ["one kind of attention and a dense MLP", BASE, true],
  ["one kind of attention and experts", blocks({ mlp: { dense: [], moe: ["moe"] } }), true],
  ["dense MLPs and experts", blocks({ mlp: { dense: ["up"], moe: ["moe"] } }), false],
  ["another attention alone", blocks({ attn: { sliding_attention: stages } }), false],
  ["two kinds of attention", blocks({ attn: { full_attention: stages, sliding_attention: stages } }), false],
  ["a sparse attention", blocks({ sparse_attn: { full_attention: stages } }), false],
  [
    "two attention kernels",
    catalog({ attention: { attention: { vllm: ["A"] }, other: { vllm: ["B"] } } }),
    false,
  ],
  ["a state", catalog({ linear_attention: { ssm: { vllm: ["M"] } } }), false],
  ["a layer that is not within", catalog({ dense: { up: { vllm: ["Up"], not_within: ["A"] } } }), false],
];
for (const [what, draft, isSequence] of written) {
  Deno.test(`a draft with ${what} is written as ${isSequence ? "a sequence" : "blocks"}`, () => {
    const lines = formatArchitecture(draft, { comment: [] }).split("\n");
    assert.equal(lines[0], isSequence ? "sequence:" : "blocks:");
    assert.equal(lines.includes("shared:"), !isSequence);
  });
}

Deno.test("a draft as text, to the byte: what it is for, entries on a line or on several", () => {
  const long = "a".repeat(30);
  const dense = {
    ...BASE.catalog.dense,
    wide: { vllm: [long, long], within: [long], not_within: ["N", "O"] },
  };
  const experts = catalog({ dense, linear_attention: { ssm: { vllm: ["M"] } } });
  assert.equal(
    formatArchitecture(experts, { comment: ["one", ""], modelTypes: ["a", "b"] }),
    `# one
#
model_types: [a, b]
blocks:
  attn:
    full_attention:
      pre_attn: [qkv_proj, attention]
      post_attn: [o_proj]
  mlp:
    dense: [up]
    moe: []
shared:
  prologue: [embedding]
  head: [lm_head]

catalog:
  dense:
    qkv_proj: { vllm: QKV }
    o_proj: { vllm: [A, B], within: Attention }
    up: { vllm: Up }
    wide:
      vllm: [${long}, ${long}]
      within: ${long}
      not_within: [N, O]
  per_sequence:
    lm_head: { vllm: Head, tp_stable: true }
  attention:
    attention: { vllm: Attention }
  linear_attention:
    ssm: { vllm: M }
  moe: {}
`,
  );
  assert.equal(
    formatArchitecture(BASE, { comment: [], modelTypes: ["a"] }).split("\n")[0],
    "model_types: [a]",
  );
  const entry = (name: string): string[] =>
    formatArchitecture(catalog({ dense: { up: { vllm: [name] } } }), { comment: [] }).split("\n").filter((
      line,
    ) => line.includes("a".repeat(9)));
  assert.equal(entry("a".repeat(110 - "    up: { vllm:  }".length))[0]!.length, 110);
  assert.deepEqual(entry("a".repeat(111 - "    up: { vllm:  }".length))[0]!.slice(0, 16), "      vllm: aaaa");
});
