/** What v1.2 takes a layer for, by small configurations of a made-up architecture. */
import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { parseYaml } from "../../src/files/yaml.ts";
import { parseArchitecture } from "../../src/model/architecture.ts";
import { formatBlocks, formatSequence } from "../../src/model/format_architecture.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { unreadLayers } from "../../src/model/unread_layers.ts";

const FULL = "full_attention: { pre_attn: [full] }";
const LINEAR = "linear_attention: { pre_attn: [mixer] }";

/** An architecture with these kinds of attention, and a dense MLP or experts. */
function architectureOf(attn: string, sparse?: string): ReturnType<typeof parseArchitecture> {
  return parseArchitecture(
    `
blocks:
  attn: { ${attn} }
  ${sparse === undefined ? "" : `sparse_attn: { ${sparse} }`}
  mlp: { dense: [down], moe: [experts] }
shared: {}
catalog:
  dense: { down: { vllm: D }, mixer: { vllm: M } }
  attention: { full: { vllm: A } }
  moe: { experts: { vllm: E } }
`,
    "made_up.yaml",
  );
}
const BOTH = architectureOf(`${FULL}, ${LINEAR}`);
const EXPERTS = { num_experts: 8, num_experts_per_tok: 2 };

const seen: readonly [what: string, layers: number, config: ModelConfig, unread: string[]][] = [
  ["one type of all layers", 1, { layer_types: ["linear_attention"] }, []],
  ["an empty list of types", 1, { layer_types: [] }, []],
  ["types by names that v1.2 does not know", 2, { layer_types: ["attention", "mamba"] }, [
    "full",
    "down",
    "mixer",
  ]],
  ["an interval of four, as far as the first", 1, { full_attention_interval: 4 }, []],
  ["an interval of two, as far as the first", 1, { full_attention_interval: 2 }, []],
  ["an interval of four", 4, { full_attention_interval: 4 }, []],
  ["a period, which v1.2 does not read", 2, { attn_layer_period: 2 }, ["mixer"]],
  ["experts at every second layer, as far as the first", 1, { ...EXPERTS, decoder_sparse_step: 2 }, []],
  ["experts but for one layer", 1, { ...EXPERTS, decoder_sparse_step: 1, mlp_only_layers: [0] }, []],
  ["dense layers listed without a step", 1, { ...EXPERTS, mlp_only_layers: [0] }, ["down"]],
  ["dense layers first", 2, { ...EXPERTS, first_k_dense_replace: 1 }, []],
  ["dense layers alone", 2, { ...EXPERTS, first_k_dense_replace: 2 }, []],
  ["experts at every second layer by their frequency", 2, {
    ...EXPERTS,
    first_k_dense_replace: 0,
    moe_layer_freq: 2,
  }, []],
  ["experts listed layer by layer", 2, { ...EXPERTS, moe_layer_freq: [0, 1] }, []],
  ["experts by a period, which v1.2 does not read", 2, { ...EXPERTS, expert_layer_period: 2 }, ["down"]],
];
for (const [what, num_hidden_layers, config, unread] of seen) {
  Deno.test(`v1.2 walks ${what} but for ${unread.join(", ") || "nothing"}`, () => {
    const model = {
      id: "a/b",
      config: { num_hidden_layers, ...config },
      architecture: { ...BOTH, sha256: "" },
    };
    assert.deepEqual(unreadLayers(model), unread);
  });
}

Deno.test("layers that an indexer chooses for are read where the file has them, and as what the layer is taken for", () => {
  const unread = (attn: string, sparse: string | undefined, config: ModelConfig): string[] =>
    unreadLayers({
      id: "a/b",
      config: { num_hidden_layers: 1, ...config },
      architecture: { ...architectureOf(attn, sparse), sha256: "" },
    });
  assert.deepEqual(unread("", FULL, { index_topk: 64 }), []);
  const recurrent = { attn_layer_indices: [] };
  assert.deepEqual(unread(LINEAR, FULL, recurrent), ["mixer", "down"]);
  assert.deepEqual(unread("", LINEAR, { ...recurrent, index_topk: 64 }), ["mixer", "down"]);
});

Deno.test("a file of blocks has what there is to say, and lists of what is shared", () => {
  const blocks = {
    attn: { full_attention: { pre_attn: ["full"], post_attn: [] } },
    mlp: { dense: ["down"], moe: [] },
  };
  const small = parseArchitecture(
    "blocks: { attn: { full_attention: { pre_attn: [full] } }, mlp: { dense: [down] } }\nshared: {}\n" +
      "catalog: { dense: { down: { vllm: D } }, attention: { full: { vllm: A } } }\n",
    "small.yaml",
  );
  const told = parseYaml(formatBlocks(small), "small.yaml") as Record<string, unknown>;
  assert.deepEqual(Object.keys(told), ["blocks", "shared", "catalog"]);
  assert.deepEqual(told["blocks"], blocks);
  assert.deepEqual(told["shared"], { prologue: [], head: [] });
  const named = parseYaml(formatBlocks(small, ["a", "b"]), "small.yaml") as Record<string, unknown>;
  assert.deepEqual(Object.keys(named), ["model_types", "blocks", "shared", "catalog"]);
  assert.deepEqual(named["model_types"], ["a", "b"]);
});

Deno.test("August's form has one kind of attention, one kernel and no groups of its own", () => {
  const kernels = "attention: { full: { vllm: A }, other: { vllm: B } }";
  const one = "attention: { full: { vllm: A } }";
  const file = (attn: string, sparse: string, groups: string): ReturnType<typeof parseArchitecture> =>
    parseArchitecture(
      `blocks: { attn: { ${attn} }, ${sparse} mlp: { dense: [down] } }\nshared: {}\n` +
        `catalog: { dense: { down: { vllm: D } }, ${groups} }\n`,
      "small.yaml",
    );
  const refused: readonly ReturnType<typeof parseArchitecture>[] = [
    file(`${FULL}, sliding_attention: { pre_attn: [full] }`, "", one),
    file(FULL, `sparse_attn: { ${FULL} },`, one),
    file(FULL, "", kernels),
    file(FULL, "", `${one}, linear_attention: { mixer: { vllm: M } }`),
  ];
  for (const architecture of refused) {
    assert.throws(
      () => formatSequence({ ...architecture, sha256: "" }),
      new UsageError(
        "Cannot write architecture small for August: it knows one kind of decoder layer, one attention kernel and the " +
          "groups dense, per_sequence, attention and moe; export it for v1.2",
      ),
    );
  }
});
