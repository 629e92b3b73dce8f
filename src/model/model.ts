/**
 * What the rest of the project knows about a model.
 *
 * @module
 */

/** A model's `config.json` with the hub's own field names; `null` and absent mean the same. */
export type ModelConfig = Readonly<Record<string, unknown>>;

/** The four groups of an architecture's catalogue: a layer's category. */
export type LayerGroup = "dense" | "per_sequence" | "attention" | "moe";

/** How one layer is found in an engine's module tree. */
export interface CatalogEntry {
  /** Alternative module class names, the first found wins (they move between engine versions). */
  readonly vllm: readonly string[];
  /** Alternative class names of an ancestor that the module must have. */
  readonly within?: readonly string[];
  /** Whether the layer's time does not depend on the tensor-parallel degree. */
  readonly tp_stable?: boolean;
}

/** An architecture file: the layers of a `model_type`, and the order in which a simulator walks them. */
export interface Architecture {
  /** The `model_type` that it describes. */
  readonly modelType: string;
  /** Layer names by stage: prologue, pre_attn, post_attn, mlp_dense, mlp_moe, head. */
  readonly sequence: Readonly<Record<string, readonly string[]>>;
  /** Layers by group. */
  readonly catalog: Readonly<Record<LayerGroup, Readonly<Record<string, CatalogEntry>>>>;
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
