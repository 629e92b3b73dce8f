/** Which calls of a forward are layers, what they are called, where they are and what their times depend on. */
import assert from "node:assert/strict";
import type { Walk } from "../../src/harness/walk.ts";
import { callTree, namesOf, unitsOf } from "../../src/inspect/units.ts";
import type { LayerKind } from "../../src/model/kinds.ts";
import { madeUpWalk } from "./made_up_walk.ts";

const FULL = { kind: "full", block_size: 16, span: null } as const;
const STATE = { kind: "state", block_size: 512, span: null } as const;
const DENSE: LayerKind = { attn: "full_attention", mlp: "dense", sparse: false };
const MOE: LayerKind = { ...DENSE, mlp: "moe" };
const NO_MLP: LayerKind = { ...DENSE, mlp: "none" };

interface Case {
  readonly kinds?: readonly LayerKind[];
  readonly caches?: Walk["caches"];
  readonly sequences?: number;
}

/** The layers as `name category place decoder`, `*` behind what a call launches beside its children. */
function found(text: string, { kinds = [DENSE], caches = [FULL], sequences = 2 }: Case = {}): string[] {
  const walk = madeUpWalk(text, { caches });
  return unitsOf(callTree(walk, "prefill"), { kinds, caches, sequences }).map(
    ({ name, category, place, decoder, isRest }) =>
      `${name} ${category} ${place} ${decoder ?? "-"}${isRest ? " *" : ""}`,
  );
}

Deno.test("a walk has only the batches that were walked", () => {
  assert.throws(() => callTree(madeUpWalk("model Model"), "decode"), {
    name: "RangeError",
    message: "The walk has no batch 'decode'",
  });
});

Deno.test("the tree of calls: children in their order, and the decoder layer that each is in", () => {
  const { children, decoder } = callTree(
    madeUpWalk(`
model Model
  embed Embedding
  layers.0 Layer
    mlp MLP
  layers.1 Layer
  norm Norm`),
    "prefill",
  );
  assert.deepEqual(children, [[1], [2, 3, 5, 6], [], [4], [], [], []]);
  assert.deepEqual(decoder, [null, null, null, 0, 0, 1, null]);
});

Deno.test("around the decoder layers: embedding, what is computed once, norm, head", () => {
  assert.deepEqual(
    found(`
model Model +1
  embed_tokens VocabParallelEmbedding
  rotary_emb RotaryEmbedding
  layers.0 Layer
    self_attn Attention cache=0
  norm RMSNorm
  mixer HyperHead
logits_processor LogitsProcessor rows=2
  lm_head Linear rows=2
sampler Sampler rows=2
  topk TopK rows=2
penalties Penalties`),
    [
      "model_glue dense prologue - *",
      "embedding dense prologue -",
      "rotary_emb dense prologue -",
      "attention attention attention 0",
      "final_layernorm dense head -",
      "mixer dense head -",
      "lm_head per_sequence head -",
      "sampler per_sequence head -",
      "penalties dense head -",
    ],
  );
});

Deno.test("only behind the decoder layers does a row for each request mean one for each request", () => {
  const text = `
model Model
  embed_tokens VocabParallelEmbedding rows=2
  layers.0 Layer
    self_attn Attention cache=0
logits_processor LogitsProcessor rows=2`;
  const categories = (sequences: number): string[] =>
    found(text, { sequences }).map((unit) => unit.split(" ")[1]!);
  assert.deepEqual(categories(2), ["dense", "attention", "per_sequence"]);
  assert.deepEqual(categories(3), ["dense", "attention", "dense"]);
});

Deno.test("what launches nothing is no layer, and what calls only such is one without a rest", () => {
  assert.deepEqual(
    found(`
layers.0 Layer
  input_layernorm RMSNorm
  self_attn Attention cache=0
  mlp MLP
    act_fn SiluAndMul +1
      inner Inner -
    down_proj RowParallelLinear -`),
    ["layernorm dense between 0", "attention attention attention 0", "act_fn dense mlp 0"],
  );
});

Deno.test("what a block launches stands behind as many of its children that launch something", () => {
  const names = (after: number): string[] =>
    namesOf(unitsOf(
      callTree(
        madeUpWalk(`
layers.0 Layer +1 after=${after}
  first First
  idle Idle -
  second RMSNorm`),
        "prefill",
      ),
      { kinds: [DENSE], caches: [FULL], sequences: 2 },
    ));
  assert.deepEqual([0, 1, 2].map(names), [
    ["layer_glue", "first", "layernorm"],
    ["first", "layer_glue", "layernorm"],
    ["first", "layernorm", "layer_glue"],
  ]);
});

/** Attribute and class of a child of an attention, and the layer that it is. */
const inAttention: [string, string][] = [
  ["qkv_proj Linear", "qkv_proj"],
  ["c_attn Conv1D", "qkv_proj"],
  ["query_key_value Linear", "qkv_proj"],
  ["Wqkv Linear", "qkv_proj"],
  ["W_pack Linear", "qkv_proj"],
  ["proj QKVParallelLinear", "qkv_proj"],
  ["o_proj Linear", "o_proj"],
  ["out_proj Linear", "o_proj"],
  ["dense Linear", "o_proj"],
  ["wo Linear", "o_proj"],
  ["c_proj Conv1D", "o_proj"],
  ["rope YaRNScalingRotaryEmbedding", "rotary_emb"],
  ["q_norm RMSNorm", "qk_norm"],
  ["k_norm RMSNorm", "qk_norm"],
  ["qk_norm RMSNorm", "qk_norm"],
  ["query_layernorm LayerNorm", "qk_norm"],
  ["key_layernorm LayerNorm", "qk_norm"],
  ["q_a_layernorm RMSNorm", "mla_a_layernorm"],
  ["kv_a_norm RMSNorm", "mla_a_layernorm"],
  ["sub_norm RMSNorm", "sub_norm"],
  ["fused_qkv_a_proj Linear", "mla_qkv_a_proj"],
  ["q_b_proj Linear", "mla_b_proj"],
  ["kv_b_proj Linear", "mla_b_proj"],
  ["g_b_proj Linear", "g_b_proj"],
  ["gate Gate", "gate"],
];
for (const [call, name] of inAttention) {
  Deno.test(`in an attention ${call} is ${name}`, () => {
    const text = `\nlayers.0 Layer\n  self_attn Attention2\n    ${call}\n    attn Attention cache=0`;
    assert.deepEqual(found(text), [`${name} dense attention 0`, "attention attention attention 0"]);
  });
}

/** The same of an MLP, and of one beside experts. */
const inMlp: [string, string][] = [
  ["norm RMSNorm", "mlp_norm"],
  ["w13 MergedColumnParallelLinear", "gate_up_proj"],
  ["act_fn Gelu", "act_fn"],
  ["activation Gelu", "act_fn"],
  ["fn SiluAndMul", "act_fn"],
  ["fn SiluAndMulQuant", "fn"],
  ["inactive Gelu", "inactive"],
  ["w2 RowParallelLinear", "down_proj"],
  ["router Linear", "router"],
];
for (const [call, name] of inMlp) {
  Deno.test(`in an MLP ${call} is ${name}, shared_${name} beside experts`, () => {
    const text = (rest: string): string =>
      `\nlayers.0 Layer\n  self_attn Attention cache=0\n  mlp MLP +2${rest}\n    ${call}`;
    assert.deepEqual(found(text("")).slice(1), ["mlp_glue dense mlp 0 *", `${name} dense mlp 0`]);
    assert.deepEqual(found(text(""), { kinds: [MOE] }).slice(1), [
      "shared_mlp_glue dense mlp 0 *",
      `shared_${name} dense mlp 0`,
    ]);
  });
}

Deno.test("a block that routes is one layer; what is called beside it is not", () => {
  assert.deepEqual(
    found(
      `
layers.0 Layer
  self_attn Attention cache=0
  moe MoE +2
    experts Experts experts
      gate Gate
    shared MLP
      up Linear
  shared_expert MLP
    up Linear`,
      { kinds: [MOE] },
    ),
    ["attention attention attention 0", "moe moe mlp 0", "shared_up dense mlp 0"],
  );
});

Deno.test("an attention is what keeps a cache, all that it calls is its own, and its block what it launches", () => {
  assert.deepEqual(
    found(`
layers.0 Layer
  self_attn Block +2 after=2
    qkv_proj Linear
    attn MLAAttention cache=0 +5
      kv_b_proj Linear
      norm RMSNorm
    o_proj Linear`),
    [
      "qkv_proj dense attention 0",
      "attention attention attention 0 *",
      "attn_glue dense attention 0 *",
      "o_proj dense attention 0",
    ],
  );
});

Deno.test("in a layer without a cache the block that is called an attention is one", () => {
  const text = (block: string): string =>
    `\nlayers.0 Layer\n  ${block} +2\n    qkv_proj Linear\n  mlp MLP\n    up Linear`;
  const attention = ["attention attention attention 0 *", "qkv_proj dense attention 0", "up dense mlp 0"];
  assert.deepEqual(found(text("self_attn Block")), attention);
  assert.deepEqual(found(text("mixer LlamaAttention")), attention);
  assert.deepEqual(found(text("mixer Block")).slice(0, 2), [
    "mlp_glue dense mlp 0 *",
    "qkv_proj dense mlp 0",
  ]);
});

Deno.test("a mixer that keeps a state: projections and norms are layers, all else is its own work", () => {
  const text = (mixer: string): string => `
layers.0 Layer
  mixer ${mixer} cache=0 +9 after=1
    in_proj_qkvz ColumnParallelLinear
    conv1d Conv
    norm RMSNormGated
    out_proj RowParallelLinear`;
  const names = (mixer: string): string[] => found(text(mixer), { kinds: [NO_MLP], caches: [STATE] });
  assert.deepEqual(names("MambaMixer2"), [
    "ssm_in_proj dense attention 0",
    "ssm linear_attention attention 0 *",
    "ssm_norm dense attention 0",
    "ssm_out_proj dense attention 0",
  ]);
  assert.deepEqual(
    ["Mixer", "QwenGatedDeltaNet", "GDNAttention"].map((mixer) => names(mixer)[1]!.split(" ")[0]),
    ["ssm", "gdn", "gdn"],
  );
});

Deno.test("an indexer chooses what an attention reads: its cache is one of its own, its parts carry its name", () => {
  assert.deepEqual(
    found(
      `
layers.0 Layer
  self_attn MLA
    indexer Indexer
      wq_b Linear
      indexer_k_norm LayerNorm
      k_cache IndexerCache cache=1
    attn MLAAttention cache=0`,
      { caches: [FULL, FULL], kinds: [NO_MLP] },
    ),
    [
      "indexer_wq_b dense attention 0",
      "indexer_k_norm dense attention 0",
      "indexer attention attention 0",
      "attention attention attention 0",
    ],
  );
});

Deno.test("kinds of attention beside each other have names of their own, the full one is called attention", () => {
  const text = [0, 1].map((n) => `\nlayers.${n} Layer\n  self_attn Attention cache=${n}`).join("");
  const names = (...attns: string[]): string[] =>
    found(text, { caches: [FULL, STATE], kinds: attns.map((attn) => ({ ...NO_MLP, attn })) }).map((unit) =>
      unit.split(" ")[0]!
    );
  assert.deepEqual(names("sliding_attention", "linear_attention"), ["attention", "ssm"]);
  const both = (...attns: string[]): string[] =>
    found(text, { caches: [FULL, FULL], kinds: attns.map((attn) => ({ ...NO_MLP, attn })) }).map((unit) =>
      unit.split(" ")[0]!
    );
  assert.deepEqual(both("sliding_attention", "full_attention"), ["sliding_attention", "attention"]);
  assert.deepEqual(both("sliding_attention", "chunked_attention"), [
    "sliding_attention",
    "chunked_attention",
  ]);
});

Deno.test("a norm that launches kernels beside what it calls is a norm all the same", () => {
  assert.deepEqual(
    found(`
layers.0 Layer
  input_layernorm RMSNorm +1
    quant Quant
  self_attn Attention cache=0
  dropout Dropout`),
    [
      "layernorm dense between 0 *",
      "quant dense between 0",
      "attention attention attention 0",
      "dropout dense mlp 0",
    ],
  );
});
