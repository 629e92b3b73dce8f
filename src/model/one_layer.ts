/**
 * One layer that stands for all: the fields that tell layers apart by their number.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { moeParameters, textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";

/** Fields that give the first layers, or most, a dense MLP when they are above the value with which none has. */
const EXPERTS_EVERYWHERE: Readonly<Record<string, number>> = {
  first_k_dense_replace: 0,
  moe_layer_start_index: 0,
  moe_layer_interval: 1,
  decoder_sparse_step: 1,
  interleave_moe_layer_step: 1,
};
/** Lists that say for each layer whether it has experts, and how they say yes. */
const EXPERTS_BY_LAYER: Readonly<Record<string, unknown>> = { moe_layer_freq: 1, mlp_layer_types: "sparse" };
/** Fields that give every so manieth layer another attention, where no list says it. */
const ATTENTION_INTERVALS = ["sliding_window_pattern", "full_attention_interval", "attn_layer_period"];
/** Lists whose length has nothing to do with the layers. */
const NO_LAYERS = /token|^architectures$/;

/**
 * The fields that must change so that the one layer of an engine stands for all of the model's: of a model with
 * experts it is a layer with experts, also where the first layers are dense; lists with an entry per layer get one.
 *
 * @param config The model's configuration.
 * @returns The fields, with their new values; none when every layer is alike.
 * @throws {UsageError} when layers differ in anything else, such as full and sliding attention.
 *
 * @example
 * ```ts
 * import { oneLayer } from "./one_layer.ts";
 * import assert from "node:assert/strict";
 * const experts = { n_routed_experts: 64, num_experts_per_tok: 6 };
 * assert.deepEqual(oneLayer({ ...experts, first_k_dense_replace: 3 }), { first_k_dense_replace: 0 });
 * ```
 */
export function oneLayer(config: ModelConfig): Record<string, unknown> {
  const text = textConfig(config);
  refuseMixedAttention(text);
  return { ...entriesOfOne(text), ...(moeParameters(text) === null ? {} : everyLayerSparse(text)) };
}

/**
 * The fields by which some of the layers of a model with experts have a dense MLP.
 *
 * @param config The model's configuration.
 * @returns Their names.
 */
export function denseLayerFields(config: ModelConfig): string[] {
  const text = textConfig(config);
  if (moeParameters(text) === null) return [];
  const lists = Object.keys(EXPERTS_BY_LAYER).filter((name) => {
    const entries = text[name];
    return Array.isArray(entries) && new Set(entries).size > 1;
  });
  return [...Object.keys(everyLayerSparse(text)), ...lists];
}

function everyLayerSparse(text: ModelConfig): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const [name, sparse] of Object.entries(EXPERTS_EVERYWHERE)) {
    const value = text[name];
    if (typeof value === "number" && value > sparse) changed[name] = sparse;
  }
  const dense = text.mlp_only_layers;
  return Array.isArray(dense) && dense.length > 0 ? { ...changed, mlp_only_layers: [] } : changed;
}

function entriesOfOne(text: ModelConfig): Record<string, unknown> {
  const layers = text.num_hidden_layers;
  const lists = Object.entries(text).filter(([name, value]) =>
    Array.isArray(value) && value.length === layers && layers > 1 && !NO_LAYERS.test(name)
  ) as [string, unknown[]][];
  return Object.fromEntries(lists.map(([name, entries]) => {
    const sparse = EXPERTS_BY_LAYER[name];
    if (sparse !== undefined && entries.includes(sparse)) return [name, [sparse]];
    const kinds = [...new Set(entries.map((entry) => JSON.stringify(entry)))];
    if (kinds.length > 1) throw layersDiffer(`${name} has ${kinds.slice(0, 3).join(", ")}`);
    return [name, [entries[0]]];
  }));
}

function refuseMixedAttention(text: ModelConfig): void {
  const { layer_types: types, use_sliding_window: slides, max_window_layers: full } = text;
  if (Array.isArray(types)) return;
  const interval = ATTENTION_INTERVALS.find((name) => Number(text[name]) > 1);
  if (interval !== undefined) throw layersDiffer(`${interval} is ${text[interval]}`);
  const window = text.sliding_window ?? null;
  if (
    slides === true && window !== null && Number(full) > 0 && Number(full) < Number(text.num_hidden_layers)
  ) {
    throw layersDiffer(`use_sliding_window is true from layer ${full} on`);
  }
}

function layersDiffer(how: string): UsageError {
  return new UsageError(
    `Cannot measure one layer for all of this model's: they must be alike but for experts, and ${how}; ` +
      "choose another model, or save a config with layers of one kind under another name",
  );
}
