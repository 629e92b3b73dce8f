/**
 * The shots of the categories whose axis is a number of tokens or requests: dense, per_sequence and moe.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { powerOfTwoAxis, tokenAxis } from "./axes.ts";
import { fitsPool, type Limits } from "./limits.ts";
import type { DenseShot, MoeShot, PerSequenceShot } from "./shot.ts";

/**
 * Dense shots: one request that fits the pool and leaves room for the token that it would make.
 *
 * @param tp Tensor-parallel degree.
 * @param limits What the engine allows.
 * @param step Step of the axis from 64 tokens on, a divisor of 16. @default {16}
 * @returns The shots, by tokens.
 * @throws {UsageError} when the axis would have more than 100,000 steps.
 */
export function denseShots(tp: number, limits: Limits, step?: number): DenseShot[] {
  return tokenAxis(limits.max_num_batched_tokens, step)
    .filter((tokens) => fitsOneRequest(tokens, limits))
    .map((tokens) => ({ category: "dense", tp, tokens }));
}

/**
 * Per-sequence shots: requests of one new token, each with a KV block of its own.
 *
 * @param tp Tensor-parallel degree.
 * @param limits What the engine allows.
 * @returns The shots, by requests.
 */
export function perSequenceShots(tp: number, limits: Limits): PerSequenceShot[] {
  return tokenAxis(limits.max_num_seqs)
    .filter((sequences) => sequences <= limits.max_num_batched_tokens && fitsPool([[1, sequences]], limits))
    .map((sequences) => ({ category: "per_sequence", tp, sequences }));
}

/**
 * MoE shots: every number of activated experts that so many tokens can reach.
 *
 * @param limits What the engine allows; it has experts.
 * @returns The shots, by tokens, then by experts; at tensor-parallel degree 1.
 * @throws {UsageError} when the limits name no experts.
 */
export function moeShots(limits: Limits): MoeShot[] {
  const { experts, topK } = expertCounts(limits);
  const activated = powerOfTwoAxis(experts);
  return powerOfTwoAxis(limits.max_num_batched_tokens)
    .filter((tokens) => fitsOneRequest(tokens, limits))
    .flatMap((tokens) =>
      activated
        .filter((count) => topK <= count && count <= tokens * topK)
        .map((count): MoeShot => ({ category: "moe", tp: 1, tokens, activated_experts: count }))
    );
}

/**
 * The experts of a layer.
 *
 * @param limits What the engine allows.
 * @returns The experts, and the experts per token.
 * @throws {UsageError} when the limits name none.
 */
export function expertCounts(limits: Limits): { readonly experts: number; readonly topK: number } {
  const { num_experts: experts, top_k: topK } = limits;
  if (experts !== null && topK !== null) return { experts, topK };
  throw new UsageError(
    `Cannot plan moe: num_experts and top_k must be known, got ${experts} and ${topK}; ` +
      `the model's config names neither, or under names that are not known`,
  );
}

/**
 * Whether the engine holds one request and has room for the token that it would make.
 *
 * @param tokens New tokens of the request.
 * @param limits What the engine allows.
 * @returns Whether it does.
 */
export function fitsOneRequest(tokens: number, limits: Limits): boolean {
  return tokens < limits.max_model_len && fitsPool([[tokens, 1]], limits);
}
