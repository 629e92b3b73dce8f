/**
 * The fewest layers that show every kind of decoder layer that a model has.
 *
 * @module
 */
import { pickKeeping } from "../files/json.ts";
import { UsageError } from "../errors.ts";
import { textConfig } from "./config.ts";
import { kindName, type LayerKind, layerKinds } from "./kinds.ts";
import type { Model, ModelConfig } from "./model.ts";

/** A model cut down to a few layers. */
export interface FewLayers {
  /** The fields that must change, with their new values; `num_hidden_layers` first. */
  readonly overrides: Readonly<Record<string, unknown>>;
  /** The kinds of its layers, in their order. */
  readonly kinds: readonly LayerKind[];
}

/** Lists whose length has nothing to do with the layers. */
const NO_LAYERS = /token|^architectures$/;
/** Lists of the numbers of layers. */
const INDICES = ["mlp_only_layers", "moe_layers", "attn_layer_indices"];

/**
 * Cuts a model down to one layer of each kind, or to a few; where its rules cannot say that, to the shortest row of
 * first layers that shows as many.
 *
 * @param model The model's name, for messages, and its configuration.
 * @param each Layers of each kind, or as many as there are. @default {1}
 * @returns What changes, and which kinds the layers are then.
 * @throws {UsageError} when the configuration does not say how many layers the model has.
 *
 * @example
 * ```ts
 * import { fewestLayers } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const config = { num_hidden_layers: 61, n_routed_experts: 64, num_experts_per_tok: 6, first_k_dense_replace: 3 };
 * assert.deepEqual(
 *   fewestLayers({ id: "org/name", config }).overrides,
 *   { num_hidden_layers: 2, first_k_dense_replace: 1 },
 * );
 * ```
 */
export function fewestLayers(model: Pick<Model, "id" | "config">, each = 1): FewLayers {
  const kinds = layerKinds(model);
  const names = kinds.map(kindName);
  const picked = names.flatMap((name, i) =>
    names.slice(0, i).filter((other) => other === name).length < each ? [i] : []
  );
  const text = textConfig(model.config);
  refuseUnlike(text, names);
  const [own, leading] = [picked, Array.from({ length: picked.at(-1)! + 1 }, (_, i) => i)].map((layers) => {
    const overrides = cut(text, layers, kinds);
    return { overrides, kinds: layerKinds({ ...model, config: { ...text, ...overrides } }) };
  });
  return own!.kinds.map(kindName).join() === picked.map((i) => names[i]).join() ? own! : leading!;
}

/**
 * Whether a configuration says how many layers the model has.
 *
 * @param config The configuration.
 * @returns Whether it names a number or has a pattern with a character a layer.
 */
export function namesLayers(config: ModelConfig): boolean {
  const { num_hidden_layers: layers, hybrid_override_pattern: pattern } = textConfig(config);
  return (layers ?? pattern ?? null) !== null;
}

/** Refuses lists by which layers of one kind differ, such as sizes of their own. */
function refuseUnlike(text: ModelConfig, names: readonly string[]): void {
  for (const [name, values] of listsByLayer(text, names.length)) {
    const seen = new Map<string, string>();
    values.forEach((value, i) => {
      const [here, there] = [JSON.stringify(value), seen.get(names[i]!)];
      seen.set(names[i]!, here);
      if (there === undefined || there === here) return;
      throw new UsageError(
        `Cannot measure one layer of each kind of this model's: layers of a kind must be alike, and ${name} has ` +
          `${there}, ${here} for ${
            names[i]
          }; choose another model, or save a config with such layers alone under ` +
          "another name",
      );
    });
  }
}

/** Lists that have an entry for each layer. */
function listsByLayer(text: ModelConfig, layers: number): [name: string, values: unknown[]][] {
  return Object.entries(text).filter(([name, value]) =>
    layers > 1 && Array.isArray(value) && value.length === layers && !NO_LAYERS.test(name) &&
    !INDICES.includes(name)
  ) as [string, unknown[]][];
}

/** The fields that leave only some layers of a model. */
function cut(
  text: ModelConfig,
  layers: readonly number[],
  kinds: readonly LayerKind[],
): Record<string, unknown> {
  const changed: Record<string, unknown> = { num_hidden_layers: layers.length };
  for (const [name, values] of listsByLayer(text, kinds.length)) changed[name] = pickKeeping(values, layers);
  for (const name of INDICES) {
    const indices = text[name];
    if (!Array.isArray(indices) || indices.length === 0) continue;
    changed[name] = layers.flatMap((i, at) => indices.includes(i) ? [at] : []);
  }
  const { hybrid_override_pattern: pattern, first_k_dense_replace: leading } = text;
  if (typeof pattern === "string") {
    changed.hybrid_override_pattern = layers.map((i) => pattern[i % pattern.length]).join("");
  }
  if (typeof leading === "number" && leading > 0) {
    changed.first_k_dense_replace = layers.filter((i) => i < leading).length;
  }
  const unlike = new Set(kinds.map(({ attn }) => attn)).size > 1;
  if (unlike && !Array.isArray(changed.layer_types) && namesTypes(text)) {
    changed.layer_types = layers.map((i) => kinds[i]!.attn);
  }
  if (unlike && (text.attention_chunk_size ?? null) !== null) {
    changed.no_rope_layers = layers.map((i) => kinds[i]!.attn === "full_attention" ? 0 : 1);
  }
  return changed;
}

/** Whether the engine reads `layer_types` where a configuration has an interval or the family's default instead. */
function namesTypes(text: ModelConfig): boolean {
  const others = ["hybrid_override_pattern", "layers_block_type", "attn_type_list", "attn_layer_period"];
  if ((text.attention_chunk_size ?? null) === null) others.push("no_rope_layers");
  return others.every((name) => (text[name] ?? null) === null);
}
