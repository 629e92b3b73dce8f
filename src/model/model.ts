/**
 * What the rest of the project knows about a model.
 *
 * @module
 */

/** A model's `config.json` with the hub's own field names; `null` and absent mean the same. */
export type ModelConfig = Readonly<Record<string, unknown>>;

/** The groups of an architecture's catalogue that are swept: a layer's category. */
export type LayerGroup = "dense" | "per_sequence" | "attention" | "linear_attention" | "moe";

/** The groups that a file of v1.2 may have and others lack. */
export type ExtraGroup = "linear_attention" | "mtp";

/** How one layer is found in an engine's module tree. */
export interface CatalogEntry {
  /** Alternative module class names, the first found wins (they move between engine versions); none of kernels alone. */
  readonly vllm: readonly string[];
  /** Alternative class names of an ancestor that the module must have. */
  readonly within?: readonly string[];
  /** Class names of ancestors that the module must not have. */
  readonly not_within?: readonly string[];
  /**
   * Texts in the names of kernels that modules of a class of `within` launch themselves: they are this layer, too.
   */
  readonly kernels?: readonly string[];
  /** Whether the layer's time does not depend on the tensor-parallel degree. */
  readonly tp_stable?: boolean;
  /** Whether the experts of a block are given their tokens by sequence parallelism. */
  readonly sequence_parallel?: boolean;
  /** Whether the attention reads no more of a history than the model's bound. */
  readonly key_saturates?: boolean;
}

/** The layers around the MLP of a decoder layer. */
export interface AttentionBlock {
  /** Layers up to the attention. */
  readonly pre_attn: readonly string[];
  /** Layers between it and the MLP. */
  readonly post_attn: readonly string[];
}

/** What decoder layers consist of, by kind. */
export interface Blocks {
  /** By type of attention. */
  readonly attn: Readonly<Record<string, AttentionBlock>>;
  /** Those of layers with sparse attention, where they differ. */
  readonly sparse_attn: Readonly<Record<string, AttentionBlock>>;
  /** The MLP without and with experts. */
  readonly mlp: { readonly dense: readonly string[]; readonly moe: readonly string[] };
}

/** One pass of a drafter that predicts several tokens. */
export interface Mtp {
  /** Layers before its decoder layer. */
  readonly prologue: readonly string[];
  /** The kind of its decoder layer; what is absent is as the model has it, which must have one kind alone there. */
  readonly decoder_block?: {
    readonly attn: string;
    readonly mlp?: "dense" | "moe";
    readonly sparse?: boolean;
  };
  /** Layers after it. */
  readonly head: readonly string[];
}

/** An architecture file: the layers of a `model_type`, and the order in which a simulator walks them. */
export interface Architecture {
  /** The `model_type` that it describes. */
  readonly modelType: string;
  /**
   * Layer names by stage: prologue, pre_attn, post_attn, mlp_dense, mlp_moe, head. Of an architecture with blocks of
   * several kinds a stage has the layers of all kinds.
   */
  readonly sequence: Readonly<Record<string, readonly string[]>>;
  /** What its decoder layers consist of, by kind; absent in a file that has a sequence. */
  readonly blocks?: Blocks;
  /** A pass of its drafter, where it has one. */
  readonly mtp?: Mtp;
  /** Layers by group. */
  readonly catalog:
    & Readonly<Record<Exclude<LayerGroup, ExtraGroup>, Readonly<Record<string, CatalogEntry>>>>
    & Readonly<Partial<Record<ExtraGroup, Readonly<Record<string, CatalogEntry>>>>>;
  /** SHA-256 of the file's bytes, in hex. */
  readonly sha256: string;
}

/** A model to measure. */
export interface Model {
  /** `<org>/<name>`. */
  readonly id: string;
  /** The unsharded configuration. */
  readonly config: ModelConfig;
  /** The architecture of its `model_type`. */
  readonly architecture: Architecture;
  /** Revision of the hub that the configuration was downloaded from, a commit where the hub tells; else absent. */
  readonly revision?: string;
}
