/**
 * The kinds of decoder layers that a model has, read from its configuration: the attention of a layer, whether it is
 * sparse, and whether its MLP has experts.
 *
 * The rules are those of LLMServingSim v1.2, which follow the configurations of the Hugging Face hub.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { isObject, moeParameters, textConfig } from "./config.ts";
import type { Architecture, AttentionBlock, Blocks, Model, ModelConfig } from "./model.ts";

/** What tells one decoder layer from another. */
export interface LayerKind {
  /** Type of its attention as `layer_types` names it, such as `full_attention`. */
  readonly attn: string;
  /** Whether its attention reads a selection of the history. */
  readonly sparse: boolean;
  /** Whether its MLP routes tokens to experts. */
  readonly mlp: "dense" | "moe";
}

/** Layers of one kind that follow each other. */
export interface LayerRun {
  /** Their kind. */
  readonly kind: LayerKind;
  /** How many they are. */
  readonly times: number;
}

const FULL = "full_attention";
const LINEAR = "linear_attention";
const DEFAULT_SKIP_OFFSET = 2;
const DEFAULT_FREQUENCY = 1;

/**
 * The number of decoder layers of a model.
 *
 * @param config Its configuration.
 * @param id Its name, for the message.
 * @returns The number.
 * @throws {UsageError} when `num_hidden_layers` is no whole number from 1.
 */
export function layerCount(config: ModelConfig, id: string): number {
  const { num_hidden_layers: layers } = textConfig(config);
  if (typeof layers === "number" && Number.isInteger(layers) && layers >= 1) return layers;
  throw new UsageError(`Cannot walk ${id}: num_hidden_layers must be a whole number from 1: ${layers}`);
}

/**
 * The kind of each decoder layer.
 *
 * @param model The model.
 * @returns The kinds, the first layer's first.
 * @throws {UsageError} when the configuration does not say how many layers there are, or has a list of layers that
 * ends before the last one.
 *
 * @example
 * ```ts
 * import { layerKinds } from "./layer_kinds.ts";
 * import assert from "node:assert/strict";
 * const config = { num_hidden_layers: 4, full_attention_interval: 4 };
 * const kinds = layerKinds({ id: "org/name", config });
 * assert.deepEqual(kinds.map(({ attn }) => attn), [
 *   "linear_attention", "linear_attention", "linear_attention", "full_attention",
 * ]);
 * ```
 */
export function layerKinds({ id, config }: Pick<Model, "id" | "config">): LayerKind[] {
  const text = textConfig(config);
  const attentionOf = attentionRule(text);
  const sparseAt = sparseRule(text);
  const expertsAt = moeParameters(config) === null ? () => false : expertsRule(text);
  return Array.from({ length: layerCount(config, id) }, (_, layer) => ({
    attn: attentionOf(layer),
    sparse: sparseAt(layer),
    mlp: expertsAt(layer) ? "moe" : "dense",
  }));
}

/**
 * The layers of a model as runs of one kind.
 *
 * @param kinds The kind of each layer.
 * @returns The runs in the order of the layers.
 */
export function layerRuns(kinds: readonly LayerKind[]): LayerRun[] {
  const runs: { kind: LayerKind; times: number }[] = [];
  for (const kind of kinds) {
    const last = runs.at(-1);
    if (last !== undefined && kindName(last.kind) === kindName(kind)) last.times++;
    else runs.push({ kind, times: 1 });
  }
  return runs;
}

/**
 * The name of a kind.
 *
 * @param kind The kind.
 * @returns Such as `full_attention/moe/plain`, and `sparse` for `plain` where the attention is.
 */
export function kindName({ attn, mlp, sparse }: LayerKind): string {
  return `${attn}/${mlp}/${sparse ? "sparse" : "plain"}`;
}

/**
 * How many leading layers show every kind that a model has.
 *
 * @param kinds The kind of each layer.
 * @param tell What two layers must differ in to count as of unlike kinds. @default {attention, sparseness and MLP}
 * @returns The number of layers.
 */
export function leadingLayers(
  kinds: readonly LayerKind[],
  tell: (kind: LayerKind) => string = kindName,
): number {
  const seen = new Set<string>();
  let needed = 0;
  for (const [layer, kind] of kinds.entries()) {
    if (!seen.has(tell(kind))) needed = layer + 1;
    seen.add(tell(kind));
  }
  return needed;
}

/** The layers of a decoder layer, by stage. */
export interface DecoderBlock extends AttentionBlock {
  /** The MLP, or the experts. */
  readonly mlp: readonly string[];
}

/**
 * The layers that a decoder layer of some kind consists of.
 *
 * @param architecture The architecture.
 * @param kind The kind.
 * @returns The names by stage, in the order in which they run.
 * @throws {UsageError} when the architecture describes no such attention.
 */
export function decoderBlock(architecture: Architecture, kind: LayerKind): DecoderBlock {
  const { attn, sparse_attn, mlp } = blocksOf(architecture);
  const own = (kind.sparse ? sparse_attn[kind.attn] : undefined) ?? attn[kind.attn];
  if (own === undefined) {
    throw new UsageError(
      `Cannot walk ${architecture.modelType}: its file describes attention of type ${
        Object.keys(attn).join(", ")
      }, the model has ${kind.attn}`,
    );
  }
  return { ...own, mlp: mlp[kind.mlp] };
}

/**
 * The blocks of an architecture; one that has a sequence has one kind of attention.
 *
 * @param architecture The architecture.
 * @returns The blocks.
 */
export function blocksOf({ blocks, sequence }: Pick<Architecture, "blocks" | "sequence">): Blocks {
  return blocks ?? {
    attn: { [FULL]: { pre_attn: sequence["pre_attn"] ?? [], post_attn: sequence["post_attn"] ?? [] } },
    sparse_attn: {},
    mlp: { dense: sequence["mlp_dense"] ?? [], moe: sequence["mlp_moe"] ?? [] },
  };
}

/**
 * How much of a history an attention reads that selects from it.
 *
 * @param config The model's configuration.
 * @returns Tokens, null when it reads all.
 */
export function keySaturation(config: ModelConfig): number | null {
  const text = textConfig(config);
  if (typeof text.index_topk === "number") return text.index_topk;
  const sparse = text.sparse_attention_config;
  if (!isObject(sparse) || sparse.use_sparse_attention !== true) return null;
  const size = (name: string): number => Number(sparse[name] ?? 0);
  return (size("sparse_topk_blocks") + size("sparse_init_block") + size("sparse_local_block")) *
    size("sparse_block_size");
}

function attentionRule({ layer_types: types, full_attention_interval: every }: ModelConfig): (
  layer: number,
) => string {
  if (Array.isArray(types) && types.length > 0) return (layer) => String(types[layer % types.length]);
  if (typeof every === "number") return (layer) => (layer + 1) % every === 0 ? FULL : LINEAR;
  return () => FULL;
}

function expertsRule(text: ModelConfig): (layer: number) => boolean {
  const { moe_layer_freq: frequency, decoder_sparse_step: step, first_k_dense_replace: leading } = text;
  if (Array.isArray(frequency)) return (layer) => Boolean(listed("moe_layer_freq", frequency, layer));
  if (typeof step === "number") {
    const dense = Array.isArray(text.mlp_only_layers) ? text.mlp_only_layers : [];
    return (layer) => (layer + 1) % step === 0 && !dense.includes(layer);
  }
  if (typeof leading === "number") {
    const every = typeof frequency === "number" ? frequency : DEFAULT_FREQUENCY;
    return (layer) => layer >= leading && layer % every === 0;
  }
  return () => true;
}

function sparseRule(text: ModelConfig): (layer: number) => boolean {
  const { sparse_attention_config: sparse, index_topk: topK, index_topk_pattern: pattern } = text;
  if (isObject(sparse) && Array.isArray(sparse.sparse_attention_freq)) {
    const flags = sparse.sparse_attention_freq;
    return (layer) => Boolean(listed("sparse_attention_freq", flags, layer));
  }
  if (typeof topK !== "number") return () => false;
  if (typeof pattern === "string" || Array.isArray(pattern)) {
    return (layer) => listed("index_topk_pattern", [...pattern], layer) !== "S";
  }
  const offset = numberOr(text.index_skip_topk_offset, DEFAULT_SKIP_OFFSET);
  const every = numberOr(text.index_topk_freq, DEFAULT_FREQUENCY);
  return (layer) => Math.max(layer - offset + 1, 0) % every === 0;
}

function listed(name: string, values: readonly unknown[], layer: number): unknown {
  if (layer < values.length) return values[layer];
  throw new UsageError(
    `Cannot tell the kind of layer ${layer}: ${name} must name every layer, but ends after ${values.length}`,
  );
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
