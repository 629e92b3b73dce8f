/**
 * Which kind of layer a model's decoder layers are, by the configuration's own rules.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { isObject, moeParameters, textConfig } from "./config.ts";
import type { Model, ModelConfig } from "./model.ts";

/** What tells one decoder layer from another of the same model. */
export interface LayerKind {
  /** What mixes the tokens, under the names of `layer_types`; `none` for a layer without. */
  readonly attn: string;
  /** What follows it: a dense MLP, experts, or nothing. */
  readonly mlp: "dense" | "moe" | "none";
  /** Whether an indexer chooses the tokens that are attended to. */
  readonly sparse: boolean;
}

/** Layers of one kind that follow each other. */
export interface LayerRun {
  /** Their kind. */
  readonly kind: LayerKind;
  /** How many they are. */
  readonly times: number;
}

/** A rule of a configuration: the value for layer `i`, undefined where the configuration does not say. */
type Rule<T> = (text: ModelConfig, i: number) => T | undefined;

/** Names that configurations give to kinds of attention, and ours. */
const ATTENTION: Readonly<Record<string, string>> = {
  attention: "full_attention",
  indexed_attention: "full_attention",
  global: "full_attention",
  local: "sliding_attention",
  mamba: "linear_attention",
  mamba2: "linear_attention",
  mlp: "none",
  moe: "none",
};

/** Characters of a `hybrid_override_pattern`, whose layers are a mixer or an MLP each. */
const PATTERN: Readonly<Record<string, Pick<LayerKind, "attn" | "mlp">>> = {
  M: { attn: "linear_attention", mlp: "none" },
  "*": { attn: "full_attention", mlp: "none" },
  "-": { attn: "none", mlp: "dense" },
  E: { attn: "none", mlp: "moe" },
};

/** How often a family has full attention where its configuration leaves it to the family's default. */
const FULL_EVERY: Readonly<Record<string, number>> = {
  gemma2: 2,
  gpt_oss: 2,
  gemma3: 6,
  gemma3_text: 6,
  cohere2: 4,
  exaone4: 4,
};

/** How often a family leaves rotary embedding out where its configuration does not say. */
const NO_ROPE_EVERY: Readonly<Record<string, number>> = { llama4_text: 4, llama4: 4 };

/** Families of which every layer has attention and a recurrent mixer side by side. */
const SIDE_BY_SIDE = ["falcon_h1"];
/** Families without attention and without an MLP. */
const RECURRENT = ["mamba", "mamba2", "falcon_mamba"];

const attentionRules: readonly Rule<string>[] = [
  ({ hybrid_override_pattern: pattern }, i) =>
    typeof pattern === "string" ? patternKind(pattern, i).attn : undefined,
  ({ model_type: type }) => RECURRENT.includes(String(type)) ? "linear_attention" : undefined,
  ({ model_type: type }) => SIDE_BY_SIDE.includes(String(type)) ? "hybrid_attention" : undefined,
  (text, i) => {
    const entry = entryOf(text, "layer_types", i) ?? entryOf(text, "layers_block_type", i);
    return entry === undefined ? undefined : ATTENTION[String(entry)] ?? String(entry);
  },
  (text, i) => {
    const entry = entryOf(text, "attn_type_list", i);
    return entry === undefined ? undefined : fullOr("linear_attention", entry === 1);
  },
  ({ attn_layer_indices: full }, i) =>
    Array.isArray(full) ? fullOr("linear_attention", full.includes(i)) : undefined,
  (text, i) => {
    const period = size(text, "attn_layer_period");
    return period === undefined
      ? undefined
      : fullOr("linear_attention", i % period === (size(text, "attn_layer_offset") ?? 0));
  },
  (text, i) => {
    const interval = size(text, "full_attention_interval");
    return interval === undefined ? undefined : fullOr("linear_attention", (i + 1) % interval === 0);
  },
  (text, i) => {
    const rope = hasRope(text, i);
    if (rope === undefined) return undefined;
    if ((text.attention_chunk_size ?? null) !== null) return fullOr("chunked_attention", !rope);
    return rope ? "full_attention" : "nope_attention";
  },
  (text, i) => {
    const every = size(text, "sliding_window_pattern") ?? size(text, "_sliding_window_pattern") ??
      FULL_EVERY[String(text.model_type)];
    return every === undefined || (text.sliding_window ?? null) === null
      ? undefined
      : fullOr("sliding_attention", (i + 1) % every === 0);
  },
  (text, i) => {
    const { use_sliding_window: slides, sliding_window: window, max_window_layers: full } = text;
    return slides === true && typeof window === "number" && typeof full === "number"
      ? fullOr("sliding_attention", i < full)
      : undefined;
  },
];

const sparseMlpRules: readonly Rule<boolean>[] = [
  (text, i) => {
    const entry = listed(text, "mlp_layer_types", i);
    return entry === undefined ? undefined : entry === "sparse";
  },
  (text, i) => {
    const entry = listed(text, "moe_layer_freq", i);
    return entry === undefined ? undefined : Boolean(entry);
  },
  (text, i) => {
    const step = size(text, "interleave_moe_layer_step");
    return step === undefined ? undefined : (i + 1) % step === 0;
  },
  (text, i) => {
    const { mlp_only_layers: dense } = text;
    const step = size(text, "decoder_sparse_step");
    if (step === undefined && !Array.isArray(dense)) return undefined;
    return (i + 1) % (step ?? 1) === 0 && !(Array.isArray(dense) && dense.includes(i));
  },
  (text, i) => {
    const period = size(text, "expert_layer_period");
    return period === undefined ? undefined : i % period === (size(text, "expert_layer_offset") ?? 0);
  },
  ({ moe_layer_start_index: start, moe_layer_end_index: end, moe_layer_interval: interval }, i) => {
    if (typeof start !== "number" && typeof interval !== "number") return undefined;
    return i >= Number(start ?? 0) && i <= Number(end ?? Infinity) && (i + 1) % Number(interval ?? 1) === 0;
  },
  ({ first_k_dense_replace: dense, moe_layer_freq: freq }, i) => {
    if (typeof dense !== "number") return undefined;
    return i >= dense && i % (typeof freq === "number" && freq > 0 ? freq : 1) === 0;
  },
];

/** No model is that deep: a larger number is a slip, and each layer is walked. */
const MOST_LAYERS = 10_000;

/** The number of decoder layers of a model; throws a UsageError when its configuration does not say it. */
function layerCount({ id, config }: Pick<Model, "id" | "config">): number {
  const text = textConfig(config);
  const layers = size(text, "num_hidden_layers") ?? patternLength(text);
  if (layers !== undefined && layers <= MOST_LAYERS) return layers;
  throw new UsageError(
    `Cannot walk ${id}: num_hidden_layers must be a whole number from 1 to ${MOST_LAYERS}: ${
      JSON.stringify(text.num_hidden_layers)
    }`,
  );
}

/**
 * The kind of each decoder layer.
 *
 * The rules are those of the configurations: lists with an entry for each layer (`layer_types`, `mlp_layer_types`,
 * `moe_layer_freq`, `no_rope_layers`), patterns (`hybrid_override_pattern`, `sliding_window_pattern`), intervals
 * (`full_attention_interval`, `decoder_sparse_step`, `interleave_moe_layer_step`), and the families' own defaults
 * where a configuration says nothing. A model all of whose layers slide has one kind, `full_attention`.
 *
 * @param model The model's name, for messages, and its configuration.
 * @returns The kinds, the first layer's first.
 * @throws {UsageError} when the configuration does not say how many layers there are, a list of layers ends before the
 * last one, or a pattern has a character without a meaning.
 *
 * @example
 * ```ts
 * import { kindName, layerKinds } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const config = { num_hidden_layers: 3, n_routed_experts: 64, num_experts_per_tok: 6, first_k_dense_replace: 1 };
 * assert.deepEqual(
 *   layerKinds({ id: "org/name", config }).map(kindName),
 *   ["full_attention/dense/plain", "full_attention/moe/plain", "full_attention/moe/plain"],
 * );
 * ```
 */
export function layerKinds(model: Pick<Model, "id" | "config">): LayerKind[] {
  const { id, config } = model;
  const text = textConfig(config);
  const hasExperts = moeParameters(config) !== null;
  return Array.from({ length: layerCount(model) }, (_, i) => {
    try {
      return {
        attn: first(attentionRules, text, i) ?? "full_attention",
        sparse: isSparse(text, i),
        mlp: mlpOf(text, i, hasExperts),
      };
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new UsageError(`Cannot tell the kind of layer ${i} of ${id}: ${cause.message}`, { cause });
    }
  });
}

/**
 * The layers of a model as runs of one kind.
 *
 * @param kinds The kind of each layer.
 * @returns The runs in the order of the layers.
 *
 * @example
 * ```ts
 * import { layerRuns } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const [sliding, full] = ["sliding_attention", "full_attention"].map((attn) => (
 *   { attn, mlp: "dense", sparse: false } as const
 * ));
 * assert.deepEqual(layerRuns([sliding!, sliding!, full!]).map(({ times }) => times), [2, 1]);
 * ```
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
 * The first layer of each kind.
 *
 * @param kinds The kind of each layer.
 * @returns Their positions from 0, ascending.
 */
export function firstOfEach(kinds: readonly LayerKind[]): number[] {
  const names = kinds.map(kindName);
  return names.flatMap((name, i) => names.indexOf(name) === i ? [i] : []);
}

/**
 * How many leading layers show every kind that a model has.
 *
 * @param kinds The kind of each layer.
 * @returns The number of layers.
 */
export function leadingLayers(kinds: readonly LayerKind[]): number {
  return Math.max(0, ...firstOfEach(kinds).map((i) => i + 1));
}

/**
 * What messages and files call a kind.
 *
 * @param kind The kind.
 * @returns Such as `full_attention/moe/plain`, and `sparse` for `plain` where an indexer chooses.
 *
 * @example
 * ```ts
 * import { kindName } from "shotlab/model";
 * import assert from "node:assert/strict";
 * assert.equal(kindName({ attn: "full_attention", mlp: "moe", sparse: false }), "full_attention/moe/plain");
 * ```
 */
export function kindName({ attn, mlp, sparse }: LayerKind): string {
  return `${attn}/${mlp}/${sparse ? "sparse" : "plain"}`;
}

/** What follows a layer's attention: a block of a hybrid model is a mixer, an MLP or experts alone. */
function mlpOf(text: ModelConfig, i: number, hasExperts: boolean): LayerKind["mlp"] {
  const { hybrid_override_pattern: pattern, model_type: type } = text;
  if (typeof pattern === "string") return patternKind(pattern, i).mlp;
  if (RECURRENT.includes(String(type))) return "none";
  const block = entryOf(text, "layers_block_type", i);
  if (block === "moe") return "moe";
  if (
    block !== undefined &&
    (text.layers_block_type as unknown[]).some((entry) => entry === "mlp" || entry === "moe")
  ) {
    return block === "mlp" ? "dense" : "none";
  }
  return hasExperts && (first(sparseMlpRules, text, i) ?? true) ? "moe" : "dense";
}

/** Indexers as LLMServingSim reads them of a configuration: a flag a layer, a pattern with S for none, or intervals. */
function isSparse(text: ModelConfig, i: number): boolean {
  const { sparse_attention_config: sparse, index_topk_pattern: pattern } = text;
  const flag = isObject(sparse) ? listed(sparse, "sparse_attention_freq", i) : undefined;
  if (flag !== undefined) return Boolean(flag);
  if ((text.index_topk ?? null) === null) return false;
  const { index_skip_topk_offset: offset = 2, index_topk_freq: freq = 1 } = text;
  const name = "index_topk_pattern";
  const chosen = listed({ [name]: typeof pattern === "string" ? [...pattern] : pattern }, name, i);
  if (chosen !== undefined) return chosen !== "S";
  return Math.max(i - Number(offset) + 1, 0) % Number(freq) === 0;
}

function hasRope(text: ModelConfig, i: number): boolean | undefined {
  const list = entryOf(text, "no_rope_layers", i);
  if (list !== undefined) return Boolean(list);
  const every = size(text, "no_rope_layer_interval") ?? NO_ROPE_EVERY[String(text.model_type)];
  return every === undefined ? undefined : (i + 1) % every !== 0;
}

function patternKind(pattern: string, i: number): Pick<LayerKind, "attn" | "mlp"> {
  const kind = PATTERN[pattern[i % pattern.length] ?? ""];
  if (kind !== undefined) return kind;
  throw new RangeError(
    `hybrid_override_pattern must consist of ${Object.keys(PATTERN).join(" ")}, got '${
      pattern[i % pattern.length]
    }'`,
  );
}

function patternLength({ hybrid_override_pattern: pattern }: ModelConfig): number | undefined {
  return typeof pattern === "string" && pattern !== "" ? pattern.length : undefined;
}

function fullOr(other: string, full: boolean): string {
  return full ? "full_attention" : other;
}

function entryOf(text: ModelConfig, name: string, i: number): unknown {
  const entries = text[name];
  return Array.isArray(entries) && entries.length > 0 ? entries[i % entries.length] : undefined;
}

/** An entry of a list that must have one for each layer. */
function listed(text: ModelConfig, name: string, i: number): unknown {
  const entries = text[name];
  if (!Array.isArray(entries)) return undefined;
  if (i < entries.length) return entries[i];
  throw new RangeError(`${name} must name every layer, but ends after ${entries.length}`);
}

function size(text: ModelConfig, name: string): number | undefined {
  const value = text[name];
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}

function first<T>(rules: readonly Rule<T>[], text: ModelConfig, i: number): T | undefined {
  for (const rule of rules) {
    const value = rule(text, i);
    if (value !== undefined) return value;
  }
  return undefined;
}
