/**
 * Layers that are measured and that no simulator reads yet.
 *
 * @module
 */
import { moeParameters, textConfig } from "./config.ts";
import { blocksOf } from "./blocks.ts";
import { decoderLayers } from "./decoder_layers.ts";
import { namesLayers } from "./fewest_layers.ts";
import { kindName, type LayerKind, layerKinds } from "./kinds.ts";
import type { Model, ModelConfig } from "./model.ts";

/**
 * The layers of a model's decoder layers that v1.2 of the simulator does not walk; August walks one kind of decoder
 * layer alone, and none that v1.2 does not.
 *
 * @param model The model.
 * @returns Their names, in the order in which they run; none where v1.2 takes each decoder layer for what it is, or the
 * configuration names no layers.
 * @throws {UsageError} when the configuration does not say of which kinds the layers are.
 *
 * @example
 * ```ts
 * import { loadModel } from "./load_model.ts";
 * import { unreadLayers } from "./unread_layers.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(unreadLayers(await loadModel("meta-llama/Llama-3.1-8B")), []);
 * const scout = await loadModel("meta-llama/Llama-4-Scout-17B-16E"); // it has no list of types
 * assert.deepEqual(unreadLayers(scout), ["rotary_emb", "qk_norm", "chunked_attention"]);
 * ```
 */
export function unreadLayers(
  { id, config, architecture }: Pick<Model, "id" | "config" | "architecture">,
): string[] {
  if (!namesLayers(config)) return [];
  const kinds = unique(layerKinds({ id, config }));
  const { attn, sparse_attn } = blocksOf(architecture);
  const known = unique(
    layerKinds({ id, config }).map(({ sparse }, i): LayerKind => ({ ...seenKind(config, i), sparse })),
  ).filter((kind) => attn[kind.attn] !== undefined || (kind.sparse && sparse_attn[kind.attn] !== undefined));
  const walked = new Set(decoderLayers(architecture, known).flat());
  return [...new Set(decoderLayers(architecture, kinds).flat())].filter((name) => !walked.has(name));
}

function unique(kinds: readonly LayerKind[]): LayerKind[] {
  return [...new Map(kinds.map((kind) => [kindName(kind), kind])).values()];
}

/** What v1.2 takes a layer for: it knows lists of types, an interval of full attention, and which layers have experts. */
function seenKind(config: ModelConfig, i: number): Omit<LayerKind, "sparse"> {
  const text = textConfig(config);
  const { layer_types: types, full_attention_interval: interval, moe_layer_freq: freq } = text;
  const { decoder_sparse_step: step, mlp_only_layers: only, first_k_dense_replace: dense } = text;
  const attn = Array.isArray(types) && types.length > 0
    ? String(types[i % types.length])
    : typeof interval === "number" && (i + 1) % interval !== 0
    ? "linear_attention"
    : "full_attention";
  const hasExperts = moeParameters(config) !== null && (
    Array.isArray(freq)
      ? Boolean(freq[i])
      : typeof step === "number"
      ? (i + 1) % step === 0 && !(Array.isArray(only) && only.includes(i))
      : typeof dense === "number"
      ? i >= dense && i % (typeof freq === "number" ? freq : 1) === 0
      : true
  );
  return { attn, mlp: hasExperts ? "moe" : "dense" };
}
