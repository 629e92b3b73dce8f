import assert from "node:assert/strict";
import { coverageOf } from "../../src/inspect/coverage.ts";
import type { LayerKind } from "../../src/model/kinds.ts";
import { madeUpWalk } from "./made_up_walk.ts";

const DENSE: LayerKind = { attn: "full_attention", mlp: "dense", sparse: false };
const MOE: LayerKind = { ...DENSE, mlp: "moe" };

const WALK = madeUpWalk(`
model Model +2
  embed_tokens VocabParallelEmbedding +10 layer=embedding
  layers.0 DecoderLayer +1
    mlp MLP layer=mlp
      down_proj RowParallelLinear +20
  layers.1 DecoderLayer
    moe MoE +30 layer=moe
    extra Extra +4`);

Deno.test("kernels are covered by the innermost layer around them, decoder layers count as often as the model has them", () => {
  const [found] = coverageOf(WALK, [DENSE, MOE], [DENSE, MOE, MOE, MOE]);
  const totalUs = 2 + 10 + (1 + 20) + 3 * (30 + 4);
  assert.deepEqual(found, {
    batch: "prefill",
    uncovered: (2 + 1 + 12) / totalUs,
    modules: [
      { module: "Extra model.layers.1.extra", share: 12 / totalUs, kernels: ["Extra kernel"] },
      { module: "Model model", share: 2 / totalUs, kernels: ["Model kernel"] },
      { module: "DecoderLayer model.layers.0", share: 1 / totalUs, kernels: ["DecoderLayer kernel"] },
    ],
    totalUs,
    outsideUs: 1,
  });
});

Deno.test("of a block's own kernels those are covered that are a layer by name", () => {
  const walk = (is: string) =>
    madeUpWalk(`
model Model -
  layers.0 DecoderLayer -
    self_attn Attention +2 runs=_fused_norm_rope_kernel ${is}
      qkv_proj Linear +5 layer=qkv_proj`);
  const bare = (is: string) => coverageOf(walk(is), [DENSE], [DENSE])[0]!.modules[0]!;
  const module = "Attention model.layers.0.self_attn";
  assert.deepEqual(bare("is=norm_rope"), { module, share: 2 / 10, kernels: ["Attention kernel"] });
  assert.deepEqual(bare(""), {
    module,
    share: 5 / 10,
    kernels: ["Attention kernel", "_fused_norm_rope_kernel"],
  });
});

Deno.test("a walk without kernels has nothing that is not covered", () => {
  const [found] = coverageOf(madeUpWalk("model Model -"), [DENSE], [DENSE]);
  assert.deepEqual([found!.uncovered, found!.totalUs], [0, 0]);
});
