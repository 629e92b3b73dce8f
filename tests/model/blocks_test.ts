import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../src/errors.ts";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import { decoderBlock, keySaturation } from "../../src/model/blocks.ts";
import { kindName, layerKinds, layerRuns, leadingLayers } from "../../src/model/kinds.ts";
import { ownArchitecture } from "../../src/model/decoder_layers.ts";
import { loadModel } from "../../src/model/load_model.ts";
import vectors from "../data/layer-kinds.json" with { type: "json" };

const TESTS_DATA = fileURLToPath(new URL("../data", import.meta.url));
const BLOCKS = `
blocks: { attn: { full_attention: { pre_attn: [attention] } }, mlp: { dense: [down] } }
shared: {}
catalog: { dense: { down: { vllm: D } }, attention: { attention: { vllm: A } } }
`;

/** Types that the project's own files describe; the others are in the form that has blocks. */
const OURS = ["llama", "mixtral", "phimoe", "qwen3", "qwen3_moe"];

for (const [id, expected] of Object.entries(vectors.models)) {
  Deno.test(`the layers of ${id} are walked as the simulator walks them`, async () => {
    const { config } = expected;
    const type = config.model_type;
    const architecture = await loadArchitecture(type, OURS.includes(type) ? "configs" : TESTS_DATA);
    const kinds = layerKinds({ id, config });
    const shapes = new Map(kinds.map((kind) => [kindName(kind), kind]));
    assert.deepEqual(
      Object.fromEntries([...shapes].map(([name, kind]) => {
        const { pre_attn, post_attn, mlp } = decoderBlock(architecture, kind);
        return [name, [...pre_attn, ...post_attn, ...mlp]];
      })),
      expected.shapes,
    );
    assert.deepEqual(layerRuns(kinds).map(({ kind, times }) => [kindName(kind), times]), expected.stack);
    assert.deepEqual(architecture.sequence["prologue"], expected.prologue);
    assert.deepEqual(architecture.sequence["head"], expected.head);
    assert.deepEqual(architecture.mtp ?? null, expected.mtp);
    assert.deepEqual({
      all: leadingLayers(kinds),
      attention: leadingLayers(kinds.map((kind) => ({ ...kind, mlp: "none" }))),
    }, expected.minimal_layers);
    assert.equal(keySaturation(config), expected.key_saturation);
  });
}

Deno.test("decoderBlock names the attention that a file does not describe; a sequence stands for all", async () => {
  const kind = { attn: "sliding_attention", sparse: false, mlp: "dense" } as const;
  assert.throws(
    () => decoderBlock(parseArchitecture(BLOCKS, "b.yaml"), kind),
    new UsageError(
      "Cannot walk b: its file describes attention of type full_attention, the model has sliding_attention",
    ),
  );
  const { pre_attn } = decoderBlock(await loadArchitecture("llama", "configs"), kind);
  assert.deepEqual(pre_attn, ["layernorm", "qkv_proj", "rotary_emb", "attention"]);
});

Deno.test("decoderBlock has nothing for a layer that is a mixer or an MLP alone", () => {
  const architecture = parseArchitecture(BLOCKS, "b.yaml");
  const of = (attn: string, mlp: "dense" | "none"): unknown =>
    decoderBlock(architecture, { attn, sparse: false, mlp });
  assert.deepEqual(of("none", "dense"), { pre_attn: [], post_attn: [], mlp: ["down"] });
  assert.deepEqual(of("full_attention", "none"), { pre_attn: ["attention"], post_attn: [], mlp: [] });
});

Deno.test("a model has the layers of its own kinds alone", async () => {
  const names = async (id: string): Promise<string[]> => {
    const { architecture: { catalog } } = await loadModel(id);
    return Object.values(catalog).flatMap((layers) => Object.keys(layers ?? {}));
  };
  // The family's newer models have experts, this one has none.
  const nemotron = await names("nvidia/Nemotron-H-8B-Base-8K");
  assert.deepEqual(["moe", "ssm", "attention", "up_proj"].map((name) => nemotron.includes(name)), [
    false,
    true,
    true,
    true,
  ]);
  const qwen = await names("Qwen/Qwen1.5-MoE-A2.7B");
  assert.deepEqual(["moe", "gate_up_proj"].map((name) => qwen.includes(name)), [true, false]);
  const { architecture } = await loadModel("meta-llama/Llama-3.1-8B");
  assert.equal(ownArchitecture({ id: "a/b", config: { num_hidden_layers: 2 }, architecture }), architecture);
});
