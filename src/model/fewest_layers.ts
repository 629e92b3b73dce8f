/**
 * The fewest layers that show every kind of decoder layer that a model has.
 *
 * @module
 */
import { textConfig } from "./config.ts";
import { firstOfEach, kindName, type LayerKind, layerKinds, leadingLayers } from "./kinds.ts";
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
/** Rules that say from which layer on, or how often, there are experts; a list of kinds takes the place of others. */
const EXPERTS_FROM = "first_k_dense_replace";

/**
 * Cuts a model down to one layer of each kind; where its rules cannot say that, to the shortest row of first layers
 * that shows every kind.
 *
 * @param model The model's name, for messages, and its configuration.
 * @returns What changes, and which kinds the layers are then.
 * @throws {UsageError} when the configuration does not say how many layers the model has.
 *
 * @example
 * ```ts
 * import { fewestLayers } from "./fewest_layers.ts";
 * import assert from "node:assert/strict";
 * const config = { num_hidden_layers: 61, n_routed_experts: 64, num_experts_per_tok: 6, first_k_dense_replace: 3 };
 * assert.deepEqual(
 *   fewestLayers({ id: "org/name", config }).overrides,
 *   { num_hidden_layers: 2, first_k_dense_replace: 1 },
 * );
 * ```
 */
export function fewestLayers(model: Pick<Model, "id" | "config">): FewLayers {
  const kinds = layerKinds(model);
  const picked = firstOfEach(kinds);
  const wanted = picked.map((i) => kindName(kinds[i]!));
  const [own, prefix] = [picked, Array.from({ length: leadingLayers(kinds) }, (_, i) => i)]
    .map((layers) => {
      const overrides = cut(textConfig(model.config), layers, kinds);
      return {
        overrides,
        kinds: layerKinds({ ...model, config: { ...textConfig(model.config), ...overrides } }),
      };
    });
  return own!.kinds.map(kindName).join() === wanted.join() ? own! : prefix!;
}

/** The fields that leave only some layers of a model. */
function cut(
  text: ModelConfig,
  layers: readonly number[],
  kinds: readonly LayerKind[],
): Record<string, unknown> {
  const all = kinds.length;
  const changed: Record<string, unknown> = { num_hidden_layers: layers.length };
  for (const [name, value] of Object.entries(text)) {
    const perLayer = all > 1 && !NO_LAYERS.test(name);
    if (perLayer && Array.isArray(value) && value.length === all) changed[name] = layers.map((i) => value[i]);
  }
  const {
    hybrid_override_pattern: pattern,
    mlp_only_layers: dense,
    [EXPERTS_FROM]: leading,
    moe_layers: sparse,
  } = text;
  if (typeof pattern === "string") {
    changed.hybrid_override_pattern = layers.map((i) => pattern[i % pattern.length]).join("");
  }
  if (typeof leading === "number" && leading > 0) {
    changed[EXPERTS_FROM] = layers.filter((i) => i < leading).length;
  }
  if (Array.isArray(dense) && dense.length > 0) {
    changed.mlp_only_layers = layers.flatMap((i, at) => dense.includes(i) ? [at] : []);
  }
  if (Array.isArray(sparse)) {
    changed.moe_layers = layers.flatMap((i, at) => kinds[i]!.mlp === "moe" ? [at] : []);
  }
  if (differ(kinds) && !Array.isArray(changed.layer_types) && namesTypes(text)) {
    changed.layer_types = layers.map((i) => kinds[i]!.attn);
  }
  if (text.attention_chunk_size && differ(kinds)) {
    changed.no_rope_layers = layers.map((i) => kinds[i]!.attn === "full_attention" ? 0 : 1);
  }
  return changed;
}

function differ(kinds: readonly LayerKind[]): boolean {
  return new Set(kinds.map(({ attn }) => attn)).size > 1;
}

/** Whether the engine reads `layer_types` where a configuration has an interval or the family's default instead. */
function namesTypes(text: ModelConfig): boolean {
  const others = ["hybrid_override_pattern", "layers_block_type", "attn_type_list", "attn_layer_period"];
  if ((text.attention_chunk_size ?? null) === null) others.push("no_rope_layers");
  return others.every((name) => (text[name] ?? null) === null);
}
