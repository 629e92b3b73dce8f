/**
 * Blocks and groups of quantized weights: a rank's share of a weight must consist of whole ones.
 *
 * @module
 */
import { isObject, textConfig } from "./config.ts";
import { quantizedType, schemeOf } from "./quantization.ts";
import type { ModelConfig } from "./model.ts";

/** Sizes of what is quantized together, along a weight's outputs and its inputs. */
interface BlockShape {
  readonly outputs: number;
  readonly inputs: number;
  /** The field that says so, or the method that has no other size. */
  readonly field: string;
  /** Whether the engine gives each rank whole ones, rounded up: then the model's own size must consist of them. */
  readonly isRounded?: boolean;
}

/**
 * Methods with one size of group along a weight's inputs: OCP Microscaling Formats v1.0, section 5.2, has 32; NVFP4
 * has 16. Ranks of mxfp4 experts get whole groups (vLLM's loader: groups / ranks, rounded up).
 */
const IMPLICIT: Readonly<Record<string, Omit<BlockShape, "field">>> = {
  mxfp4: { outputs: 1, inputs: 32, isRounded: true },
  gpt_oss_mxfp4: { outputs: 1, inputs: 32, isRounded: true },
  modelopt_mxfp8: { outputs: 1, inputs: 32 },
  modelopt_fp4: { outputs: 1, inputs: 16 },
  nvfp4: { outputs: 1, inputs: 16 },
};

/**
 * Why the weights of a rank cannot be quantized as the checkpoint's are: a block or group would lie on two ranks.
 *
 * @param config The model's configuration.
 * @param shares Sizes of a rank by field, as sharding gives them.
 * @returns The first size that does not consist of whole blocks, with the rule; null when all do.
 *
 * @example
 * ```ts
 * import { brokenBlock } from "./quantized_blocks.ts";
 * import assert from "node:assert/strict";
 * const config = { quantization_config: { quant_method: "fp8", weight_block_size: [128, 128] } };
 * assert.equal(brokenBlock(config, { intermediate_size: 2304 }), null);
 * assert.equal(
 *   brokenBlock(config, { intermediate_size: 320 }),
 *   "intermediate_size of a rank must consist of whole blocks of 128 (weight_block_size), got 320",
 * );
 * ```
 */
export function brokenBlock(config: ModelConfig, shares: Readonly<Record<string, unknown>>): string | null {
  const shape = blockShape(config);
  if (shape === null) return null;
  const { intermediate_size: wide, num_attention_heads: heads, num_key_value_heads: kvHeads } = shares;
  const { head_dim: headDim, v_head_dim: valueDim } = shares;
  if (shape.isRounded) {
    const size = Number(textConfig(config).intermediate_size);
    return size > 0 && size % shape.inputs !== 0
      ? `intermediate_size must consist of whole blocks of ${shape.inputs} (${shape.field}), got ${size}`
      : null;
  }
  const dim = Number(valueDim ?? headDim);
  const sizes: [name: string, size: number, block: number][] = [
    ["intermediate_size", Number(wide), Math.max(shape.outputs, shape.inputs)],
    ["num_attention_heads × head_dim", Number(heads) * dim, Math.max(shape.outputs, shape.inputs)],
    ...valueDim === undefined
      ? [["num_key_value_heads × head_dim", Number(kvHeads) * dim, shape.outputs] as [string, number, number]]
      : [],
  ];
  const broken = sizes.find(([, size, block]) => size > 0 && size % block !== 0);
  if (broken === undefined) return null;
  const [name, size, block] = broken;
  return `${name} of a rank must consist of whole blocks of ${block} (${shape.field}), got ${size}`;
}

function blockShape(config: ModelConfig): BlockShape | null {
  const scheme = schemeOf(config);
  if (scheme === null) return null;
  const block = scheme.weight_block_size;
  if (Array.isArray(block) && block.length === 2) {
    return { outputs: Number(block[0]), inputs: Number(block[1]), field: "weight_block_size" };
  }
  const inner = isObject(scheme.quantization) ? scheme.quantization : {};
  const group = scheme.group_size ?? scheme.q_group_size ?? inner.group_size ??
    groupSize(scheme.config_groups);
  if (typeof group === "number") return group > 0 ? { outputs: 1, inputs: group, field: "group_size" } : null;
  const method = String(scheme.quant_method ?? "").toLowerCase();
  const named = quantizedType(config) === "nvfp4" && !(method in IMPLICIT) ? "nvfp4" : method;
  const implicit = IMPLICIT[named];
  return implicit === undefined ? null : { ...implicit, field: named };
}

/** The largest group of the groups that compressed-tensors lists. */
function groupSize(groups: unknown): number | undefined {
  if (!isObject(groups)) return undefined;
  const sizes = Object.values(groups).flatMap((group) => {
    const weights = isObject(group) && isObject(group.weights) ? group.weights : {};
    const isGrouped = weights.strategy === "group" || weights.strategy === "tensor_group";
    return isGrouped && typeof weights.group_size === "number" ? [weights.group_size] : [];
  });
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}
