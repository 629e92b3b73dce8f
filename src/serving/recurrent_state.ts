/**
 * The state that a recurrent layer keeps of each request.
 *
 * @module
 */
import type { ModelConfig } from "../model/model.ts";

/** Shape of a state: what the convolution keeps, and what the recurrence does. */
interface StateShape {
  /** Numbers of the convolution's last inputs, of all devices. */
  readonly convolution: number;
  /** Numbers of the recurrence, of all devices. */
  readonly recurrence: number;
  /** Type of the recurrence where the family has its own. */
  readonly recurrenceType?: string;
}

type Sizes = (...names: readonly string[]) => number[] | null;

/**
 * Bytes of a request's state in one recurrent layer on one device: the last inputs of its convolution in the
 * computation's type, and its recurrence in the configuration's own type for it (`mamba_ssm_dtype`,
 * `mamba_ssm_cache_dtype`, float32 for Nemotron-H) or the computation's. The shapes are those of vLLM's
 * `MambaStateShapeCalculator`; on a CPU vLLM keeps recurrences in float32 whatever the configuration says.
 *
 * @param text The model's text configuration, of all devices.
 * @param tp Tensor-parallel degree.
 * @param computedBytes Bytes of a number of the computation.
 * @param bytesOf Bytes of a number by type.
 * @returns The bytes; null where the configuration does not say the sizes.
 *
 * @example
 * ```ts
 * import { stateBytes } from "./recurrent_state.ts";
 * import assert from "node:assert/strict";
 * const sizes = { linear_num_key_heads: 16, linear_key_head_dim: 128, linear_conv_kernel_dim: 4 };
 * const text = { ...sizes, linear_num_value_heads: 32, linear_value_head_dim: 128 };
 * assert.equal(stateBytes(text, 1, 2, () => 4), 3 * 8192 * 2 + 32 * 128 * 128 * 2);
 * ```
 */
export function stateBytes(
  text: ModelConfig,
  tp: number,
  computedBytes: number,
  bytesOf: (dtype: string) => number,
): number | null {
  const sizes: Sizes = (...names) => {
    const found = names.map((name) => text[name]);
    return found.every((value): value is number => typeof value === "number") ? found : null;
  };
  const shape = gatedDelta(sizes) ?? mamba2(text, sizes, tp) ?? mamba1(text, sizes);
  if (shape === null) return null;
  const own = text.mamba_ssm_dtype ?? text.mamba_ssm_cache_dtype ?? shape.recurrenceType;
  const recurrenceBytes = typeof own === "string" && own !== "auto" ? bytesOf(own) : computedBytes;
  return shape.convolution / tp * computedBytes + shape.recurrence / tp * recurrenceBytes;
}

/** Qwen3-Next and those after it. */
function gatedDelta(sizes: Sizes): StateShape | null {
  const found = sizes(
    "linear_num_key_heads",
    "linear_key_head_dim",
    "linear_num_value_heads",
    "linear_value_head_dim",
    "linear_conv_kernel_dim",
  );
  if (found === null) return null;
  const [keyHeads, keyDim, valueHeads, valueDim, kernel] = found as [number, number, number, number, number];
  return {
    convolution: (2 * keyHeads * keyDim + valueHeads * valueDim) * (kernel - 1),
    recurrence: valueHeads * valueDim * keyDim,
  };
}

/** Names of Mamba-2's sizes: heads, their width, groups, state, kernel; Falcon-H1 and Granite, Nemotron-H, Mamba-2. */
const MAMBA2 = [
  ["mamba_n_heads", "mamba_d_head", "mamba_n_groups", "mamba_d_state", "mamba_d_conv"],
  ["mamba_num_heads", "mamba_head_dim", "n_groups", "ssm_state_size", "conv_kernel"],
  ["num_heads", "head_dim", "n_groups", "state_size", "conv_kernel"],
] as const;

function mamba2(text: ModelConfig, sizes: Sizes, tp: number): StateShape | null {
  const found = MAMBA2.map((names) => sizes(...names)).find((one) => one !== null);
  if (found === undefined || found === null) return null;
  const [heads, headDim, groups, state, kernel] = found as [number, number, number, number, number];
  // A group that does not divide by the degree is on each device that needs it.
  const shared = groups % tp === 0 ? groups : tp;
  return {
    convolution: (heads * headDim + 2 * shared * state) * (kernel - 1),
    recurrence: heads * headDim * state,
    ...text.model_type === "nemotron_h" && { recurrenceType: "float32" },
  };
}

/** Jamba and the first Mamba. */
function mamba1(text: ModelConfig, sizes: Sizes): StateShape | null {
  const jamba = sizes("mamba_expand", "hidden_size", "mamba_d_state", "mamba_d_conv");
  const own = sizes("intermediate_size", "state_size", "conv_kernel");
  if (jamba !== null) {
    const [expand, hidden, state, kernel] = jamba as [number, number, number, number];
    return { convolution: expand * hidden * (kernel - 1), recurrence: expand * hidden * state };
  }
  if (own === null || text.num_attention_heads !== undefined) return null;
  const [width, state, kernel] = own as [number, number, number];
  return { convolution: width * (kernel - 1), recurrence: width * state };
}
