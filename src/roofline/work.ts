/**
 * The work of one call of a layer, whatever the layer is.
 *
 * @module
 */

/** The work of one call of a layer. */
export interface Work {
  /** Kernels that it launches. */
  readonly kernels: number;
  /** Multiplications and additions of GEMMs. */
  readonly flops: number;
  /** Bytes that must come from memory: weights and the KV cache. */
  readonly memoryBytes: number;
  /** Bytes of activations, which a cache may hold between layers. */
  readonly activationBytes: number;
  /** Whether the products are those of attention, which runs further below the peak than a plain one. */
  readonly attention?: boolean;
}

/** Bytes of an activation: norms, rotations and gates work in bfloat16 whatever the weights are. */
export const ACTIVATION = 2;

/** Rows of a tile: of queries and of keys in FlashAttention-2, of tokens in the experts' GEMMs. */
export const TILE = 64;
