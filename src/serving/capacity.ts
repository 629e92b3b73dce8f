/**
 * Whether a model fits a device, and how many KV blocks are left for its requests.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { moeParameters, textConfig } from "../model/config.ts";
import { layerKinds } from "../model/kinds.ts";
import type { Model, ModelConfig } from "../model/model.ts";
import { countParameters } from "../model/parameters.ts";
import { replicatesKvHeads } from "../model/shard.ts";
import { resolveDtype, resolveKvDtype, weightsDtype } from "../model/variant.ts";
import type { HardwareSheet } from "../roofline/hardware.ts";
import { typeBytes } from "../roofline/sizes.ts";
import { type CacheGroup, keptBlocks } from "../shots/limits.ts";
import { stateBytes } from "./recurrent_state.ts";

/** How an engine is set up. */
export interface CapacityOptions {
  /** Tensor-parallel degree: each device holds its share. @default {1} */
  readonly tp?: number;
  /** Type of the weights; null for the model's own. @default {null} */
  readonly dtype?: string | null;
  /** Type of the KV cache; null for the checkpoint's wish or the computation's type. @default {null} */
  readonly kvDtype?: string | null;
  /** Most new tokens of a step. @default {2048} */
  readonly maxNumBatchedTokens?: number;
  /** Most requests of a step. @default {256} */
  readonly maxNumSeqs?: number;
  /** Longest request in tokens; the model fits when one of them does. @default {"the model's longest"} */
  readonly maxModelLen?: number;
  /** Tokens of a KV block; an engine whose layers keep a state has larger ones. @default {16} */
  readonly blockSize?: number;
  /** Share of the device's memory that the engine may use. @default {0.9} */
  readonly memoryUtilization?: number;
  /** Whether nothing is compiled and no graph captured. @default {false} */
  readonly eager?: boolean;
  /** The device's memory in bytes as its driver gives it to programs, in place of the sheet's. */
  readonly memoryBytes?: number;
}

/** The KV cache of one kind of layer. */
export interface CacheKind {
  /** What mixes the tokens, such as `full_attention` or `sliding_attention`. */
  readonly kind: string;
  /** Layers of the kind. */
  readonly layers: number;
  /** Bytes of a token in all of them. */
  readonly bytesPerToken: number;
  /** Tokens that a request keeps at most, null for all. */
  readonly windowTokens: number | null;
}

/** What a device's memory goes to. All of it is an estimate, but for the sizes that the configuration says. */
export interface Capacity {
  /** Whether the weights fit, and a request of `maxModelLen` with them. */
  readonly fits: boolean;
  /** KV blocks: vLLM's `num_gpu_blocks`; 0 when not even the weights fit. */
  readonly blocks: number;
  /** Tokens of a block: as many as a state takes the memory of, where layers keep one. */
  readonly blockSize: number;
  /** Groups of layers that share the blocks. */
  readonly groups: readonly CacheGroup[];
  /** Tokens that the blocks hold, of requests of `maxModelLen`. */
  readonly tokens: number;
  /** Longest request in tokens. */
  readonly maxModelLen: number;
  /** Bytes of one device, by what they go to; `kv` is what is left. */
  readonly bytes: {
    readonly usable: number;
    readonly weights: number;
    readonly activations: number;
    readonly graphs: number;
    readonly runtime: number;
    readonly kv: number;
  };
  /** The KV cache, by kind of layer. */
  readonly caches: readonly CacheKind[];
  /** Layers that keep a state, and a request's bytes of it in all of them, null where the configuration does not say. */
  readonly recurrent?: { readonly layers: number; readonly bytesPerRequest: number | null };
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
}

/** Types whose size is known, those of the KV cache among them. */
const TYPES = [
  "float32",
  "float16",
  "bfloat16",
  "fp8",
  "fp8_e4m3",
  "fp8_e5m2",
  "int8",
  "int4",
  "mxfp4",
  "nvfp4",
];

/** What a device keeps from programs: an H200 of 140.4 GiB gives 139.8 (`memory` of perf/evidence/serving-*.json). */
const RESERVED_BYTES = 0.6 * 2 ** 30;
/** Runtime and libraries beside torch's own memory: 250 MB on an H200 with vLLM 0.26, three models. */
const RUNTIME_BYTES = 250e6;
/** Graphs of 51 sizes: 386, 315 and 526 MB with 32, 28 and 48 layers, same place. */
const GRAPH_BYTES_PER_LAYER = 11.4e6;
/** The sampler's copies of its logits in float32: 538 MB with 257 requests of 128,256 words in an eager engine. */
const LOGITS_COPIES = 4.1;
/** Widest activations of a token that a compiled forward holds at once, of 1,084 MB with 2,048 tokens of 14,336. */
const COMPILED_WIDTHS = 9;
/** The same of an eager forward: gate, up, their product, and two of the residual stream's width. */
const EAGER_WIDTHS = 3;

/**
 * Estimates whether a model fits a device, and its KV blocks. Weights and KV cache come from the configuration; what
 * a forward and the engine need beside them was seen on an H200 with vLLM 0.26 (docs/serving.md has the errors).
 *
 * @param model The model.
 * @param hardware The device's data sheet.
 * @param options How the engine is set up.
 * @returns The memory, by what it goes to.
 * @throws {UsageError} when an option is out of its range, or a size is missing in the configuration.
 *
 * @example
 * ```ts
 * import { fits, loadModel } from "shotlab";
 * import { loadHardware } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const model = await loadModel("meta-llama/Llama-3.1-70B");
 * const hardware = await loadHardware("H100", "configs");
 * assert.deepEqual([1, 4].map((tp) => fits(model, hardware, { tp, maxModelLen: 8192 }).fits), [false, true]);
 * ```
 */
export function fits(
  model: Model,
  hardware: Pick<HardwareSheet, "memory_gib">,
  options: CapacityOptions = {},
): Capacity {
  const { tp = 1, dtype = null, eager = false, memoryUtilization = 0.9 } = options;
  const { maxNumBatchedTokens = 2048, maxNumSeqs = 256 } = options;
  checkOptions({ tp, maxNumBatchedTokens, maxNumSeqs, memoryUtilization });
  const { rank, computed, size, maxModelLen } = sizesOf(model, options);
  const { caches, groups, blockBytes, recurrent } = layPool(model, options);
  const [{ block_size: blockSize } = { block_size: options.blockSize ?? 16 }] = groups;
  const layers = layerKinds(model).length;

  const usable = memoryUtilization * (options.memoryBytes ?? hardware.memory_gib * 2 ** 30 - RESERVED_BYTES);
  const weights = weightBytes(model, rank, dtype, computed);
  const width = widest(rank);
  const logits = maxNumSeqs * size("vocab_size") * 4 * LOGITS_COPIES;
  const held = (eager ? EAGER_WIDTHS : COMPILED_WIDTHS) * width + (eager ? 2 * size("hidden_size") : 0);
  const activations = logits + maxNumBatchedTokens * held * computed;
  const graphs = eager ? 0 : GRAPH_BYTES_PER_LAYER * layers;
  const kv = Math.max(0, usable - weights - activations - graphs - RUNTIME_BYTES);
  const blocks = blockBytes === 0 ? 0 : Math.floor(kv / blockBytes);
  const history = Math.max(0, maxModelLen - maxNumBatchedTokens);
  const longest = keptBlocks(groups, { tokens: maxModelLen, history });
  return {
    fits: kv > 0 && (blockBytes === 0 || blocks > longest),
    blocks,
    blockSize,
    groups,
    tokens: groups.length === 1
      ? blocks * blockSize
      : Math.floor(blocks / Math.max(1, longest) * maxModelLen),
    maxModelLen,
    bytes: { usable, weights, activations, graphs, runtime: RUNTIME_BYTES, kv },
    caches,
    ...recurrent !== null && { recurrent },
    notices: [
      ...groups.length > 1
        ? [
          `${plural(groups.length, "group")} of layers share the blocks, and a request takes some of each` +
          (caches.some(({ windowTokens }) => windowTokens !== null)
            ? "; beyond a window a request needs fewer of them than its tokens say"
            : ""),
        ]
        : [],
      ...recurrent === null ? [] : recurrent.bytesPerRequest === null
        ? [
          "The state of recurrent layers is left out: the configuration does not say its sizes, and it takes memory for " +
          "each request, not for each token",
        ]
        : [
          `Each request holds the state of ${plural(recurrent.layers, "recurrent layer")}, ` +
          `${groups.filter(({ kind }) => kind === "state").length} of its blocks whatever its length`,
        ],
    ],
  };
}

/**
 * The groups of layers that share the KV blocks of an engine, each with its own block table.
 *
 * @param model The model.
 * @param options How the engine is set up; `blockSize` is taken as it is where an engine has said it.
 * @returns The groups; one for a model whose layers are all alike.
 * @throws {UsageError} as {@linkcode fits}.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { cacheGroups } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const groups = cacheGroups(await loadModel("meta-llama/Llama-3.1-8B"));
 * assert.deepEqual(groups, [{ kind: "full", block_size: 16, span: null }]);
 * ```
 */
export function cacheGroups(model: Model, options: CapacityOptions = {}): readonly CacheGroup[] {
  const { groups } = layPool(model, options);
  return groups.map((group) => ({ ...group, block_size: options.blockSize ?? group.block_size }));
}

interface Sizes {
  /** One device's share of the configuration. */
  readonly rank: ModelConfig;
  /** Bytes of a number of the computation. */
  readonly computed: number;
  readonly maxModelLen: number;
  /** A size of the share, 0 where it is not said. */
  size(name: string): number;
}

function sizesOf(model: Model, { tp = 1, dtype = null, maxModelLen }: CapacityOptions): Sizes {
  const rank = rankConfig(textConfig(model.config), tp);
  const size = (name: string): number => typeof rank[name] === "number" ? rank[name] : 0;
  return {
    rank,
    computed: bytesOf(resolveDtype(model.config, dtype)),
    maxModelLen: maxModelLen ?? (size("max_position_embeddings") || 2048),
    size,
  };
}

/** Kinds of layers that keep a state. */
const RECURRENT = ["linear_attention", "hybrid_attention"];
/** Tokens that a block of a latent cache beside states is a multiple of, in vLLM 0.32. */
const LATENT_ALIGNMENT = 128;
/** The commonest kind gives the size of groups where it has less than this many times the layers of the rarest. */
const ALIKE = 1.5;

/** How the caches of all layers lie in one pool of equal blocks. */
interface PoolLayout {
  readonly caches: readonly CacheKind[];
  readonly groups: readonly CacheGroup[];
  /** Bytes of a block, 0 without caches. */
  readonly blockBytes: number;
  readonly recurrent: NonNullable<Capacity["recurrent"]> | null;
}

/**
 * Layers of a kind are put into groups of equally many, as many as the rarest kind has; a block holds some tokens of
 * each layer of a group, or their states. Where layers keep a state, a block gets as many tokens as take the memory of
 * one, as vLLM does.
 */
function layPool(model: Model, options: CapacityOptions): PoolLayout {
  const { tp = 1, kvDtype = null, blockSize: asked = 16 } = options;
  checkOptions({ tp, blockSize: asked });
  const { rank, computed, size, maxModelLen } = sizesOf(model, options);
  const kvType = resolveKvDtype(model.config, kvDtype);
  const caches = cachesOf(model, rank, kvType === "auto" ? computed : bytesOf(kvType), size);
  const layers = layerKinds(model).filter(({ attn }) => RECURRENT.includes(attn)).length;
  const state = layers === 0 ? null : stateBytes(textConfig(model.config), tp, computed, bytesOf);
  const states = state === null ? 0 : layers;
  const counts = [...caches.map(({ layers }) => layers), ...states > 0 ? [states] : []];
  const recurrent = layers === 0 ? null : { layers, bytesPerRequest: state === null ? null : layers * state };
  if (counts.length === 0) return { caches, groups: [], blockBytes: 0, recurrent };
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const together = most < ALIKE * least ? most : least;
  const [first] = caches;
  const tokenBytes = first === undefined ? 0 : first.bytesPerToken / first.layers;
  const unit = state !== null && size("kv_lora_rank") > 0 ? Math.max(asked, LATENT_ALIGNMENT) : asked;
  const blockSize = first === undefined
    ? maxModelLen
    : unit * Math.max(1, Math.ceil((state ?? 0) / (unit * tokenBytes)));
  const groupsFor = (layers: number, kind: CacheGroup["kind"], span: number | null): CacheGroup[] =>
    Array.from({ length: Math.ceil(layers / together) }, () => ({ kind, block_size: blockSize, span }));
  return {
    caches,
    groups: [
      ...caches.flatMap(({ kind, layers, windowTokens }) =>
        groupsFor(
          layers,
          windowTokens === null ? "full" : kind === "chunked_attention" ? "chunked" : "sliding",
          windowTokens,
        )
      ),
      ...groupsFor(states, "state", null),
    ],
    blockBytes: together * (first === undefined ? state ?? 0 : blockSize * tokenBytes),
    recurrent,
  };
}

/** One rank's share: heads, MLPs, experts and words are divided, KV heads at most to one. */
function rankConfig(text: ModelConfig, tp: number): ModelConfig {
  const shared = (name: string): [string, number][] => {
    const size = text[name];
    if (typeof size !== "number") return [];
    if (name === "num_key_value_heads" && replicatesKvHeads(text, tp)) return [[name, 1]];
    if (size % tp === 0 || name === "vocab_size") return [[name, Math.ceil(size / tp)]];
    throw new UsageError(`Cannot shard the model to tp ${tp}: ${name} must be divisible by it, got ${size}`);
  };
  const { num_attention_heads: heads, hidden_size: hidden, head_dim: headDim } = text;
  return {
    ...text,
    ...typeof heads === "number" && typeof hidden === "number" && typeof headDim !== "number" &&
      { head_dim: Math.floor(hidden / heads) },
    ...Object.fromEntries(
      [
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "moe_intermediate_size",
        "shared_expert_intermediate_size",
        "vocab_size",
      ].flatMap(shared),
    ),
  };
}

/** Vocabularies, norms and routers keep the computation's type when the rest is quantised. */
function weightBytes(model: Model, rank: ModelConfig, dtype: string | null, computed: number): number {
  const { total } = countParameters({ id: model.id, config: rank });
  const size = (name: string): number => typeof rank[name] === "number" ? rank[name] : 0;
  const words = size("vocab_size") * size("hidden_size") * (rank.tie_word_embeddings === true ? 1 : 2);
  const rotary = size("max_position_embeddings") * (size("head_dim") || 128) * 2;
  return (total - words) * bytesOf(weightsDtype(model.config, dtype)) + words * computed + rotary;
}

function cachesOf(
  model: Model,
  rank: ModelConfig,
  kvBytes: number,
  size: (name: string) => number,
): CacheKind[] {
  const latent = size("kv_lora_rank");
  const perToken = latent > 0
    ? (latent + size("qk_rope_head_dim")) * kvBytes
    : 2 * (size("num_key_value_heads") || size("num_attention_heads")) * size("head_dim") * kvBytes;
  const kinds = Map.groupBy(
    layerKinds(model).filter(({ attn }) => attn !== "none" && attn !== "linear_attention"),
    ({ attn }) => attn,
  );
  return [...kinds].map(([kind, layers]) => ({
    kind,
    layers: layers.length,
    bytesPerToken: layers.length * perToken,
    windowTokens: kind === "sliding_attention"
      ? number(rank.sliding_window)
      : kind === "chunked_attention"
      ? number(rank.attention_chunk_size)
      : null,
  }));
}

/** The widest activation of a token. */
function widest(rank: ModelConfig): number {
  const size = (name: string): number => typeof rank[name] === "number" ? rank[name] : 0;
  const experts = moeParameters(rank);
  return experts === null
    ? size("intermediate_size")
    : experts.topK * (size("moe_intermediate_size") || size("intermediate_size"));
}

function bytesOf(dtype: string): number {
  const bytes = TYPES.includes(dtype) ? typeBytes(dtype) : null;
  if (bytes !== null) return bytes;
  throw new UsageError(
    `Cannot say whether the model fits: the size of the type ${dtype} is not known; known are ${
      TYPES.join(", ")
    }`,
  );
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function checkOptions(options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    const share = name === "memoryUtilization";
    if (share ? value > 0 && value <= 1 : Number.isInteger(value) && value >= 1) continue;
    throw new UsageError(
      `Cannot say whether the model fits: ${name} must be ${
        share ? "above 0 and at most 1" : "a whole number from 1"
      }, got ${value}`,
    );
  }
}
