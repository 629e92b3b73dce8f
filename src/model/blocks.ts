/**
 * What decoder layers of some kind consist of.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { isObject, textConfig } from "./config.ts";
import type { LayerKind } from "./kinds.ts";
import type { Architecture, AttentionBlock, Blocks, ModelConfig } from "./model.ts";

/** The layers of a decoder layer, by stage. */
export interface DecoderBlock extends AttentionBlock {
  /** The MLP, or the experts. */
  readonly mlp: readonly string[];
}

/**
 * The blocks of an architecture; one that has a sequence has one kind of attention.
 *
 * @param architecture The architecture.
 * @returns The blocks.
 */
export function blocksOf({ blocks, sequence }: Pick<Architecture, "blocks" | "sequence">): Blocks {
  const { pre_attn = [], post_attn = [], mlp_dense = [], mlp_moe = [] } = sequence;
  return blocks ?? {
    attn: { full_attention: { pre_attn, post_attn } },
    sparse_attn: {},
    mlp: { dense: mlp_dense, moe: mlp_moe },
  };
}

/**
 * The layers that a decoder layer of some kind consists of.
 *
 * @param architecture The architecture; one with a sequence describes one kind of attention, which stands for all.
 * @param kind The kind.
 * @returns The names by stage, in the order in which they run.
 * @throws {UsageError} when the architecture has blocks, none of them for such an attention.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { decoderBlock, layerKinds } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const { mlp } = decoderBlock(model.architecture, layerKinds(model)[0]!);
 * assert.deepEqual(mlp, ["gate_up_proj", "act_fn", "down_proj"]);
 * ```
 */
export function decoderBlock(architecture: Architecture, { attn, sparse, mlp }: LayerKind): DecoderBlock {
  const blocks = blocksOf(architecture);
  const described = (sparse ? blocks.sparse_attn[attn] : undefined) ?? blocks.attn[attn];
  const own = attn === "none"
    ? described ?? NO_ATTENTION
    : architecture.blocks === undefined
    ? Object.values(blocks.attn)[0]
    : described;
  if (own === undefined) {
    throw new UsageError(
      `Cannot walk ${architecture.modelType}: its file describes attention of type ${
        Object.keys(blocks.attn).join(", ")
      }, the model has ${attn}`,
    );
  }
  return { ...own, mlp: mlp === "none" ? [] : blocks.mlp[mlp] };
}

const NO_ATTENTION: AttentionBlock = { pre_attn: [], post_attn: [] };

/**
 * How much of a history an attention reads that selects from it.
 *
 * @param config The model's configuration.
 * @returns Tokens, null when it reads all.
 *
 * @example
 * ```ts
 * import { keySaturation } from "shotlab/model";
 * import assert from "node:assert/strict";
 * assert.equal(keySaturation({ index_topk: 2048 }), 2048);
 * assert.equal(keySaturation({}), null);
 * ```
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
