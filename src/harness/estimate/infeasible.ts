/**
 * Why a batch does not fit an engine.
 *
 * @module
 */
import { formatCount, plural } from "../../count_text.ts";
import { fitsPool, type Limits } from "../../shots/limits.ts";
import { DECODE_HISTORY } from "../../shots/linear_shots.ts";
import type { Shot } from "../../shots/shot.ts";
import { partDecodes } from "../../shots/skew_parts.ts";

/** Runs of equal requests: new tokens, KV tokens, how many of them. */
type Requests = readonly (readonly [tokens: number, history: number, count: number])[];

function batchesOf(shot: Shot): Requests[] {
  switch (shot.category) {
    case "dense":
    case "moe":
      return [[[shot.tokens, 0, 1]]];
    case "per_sequence":
      return [[[1, 0, shot.sequences]]];
    case "attention":
      return [[
        ...shot.prefills?.map(([tokens, history]) => prefill(tokens, history)) ??
          [prefill(shot.prefill_chunk, shot.kv_prefill)],
        [shot.decode_q_len ?? 1, shot.kv_decode, shot.n_decode],
      ]];
    case "linear_attention":
      return [[prefill(shot.prefill_tokens, 0), [1, DECODE_HISTORY, shot.n_decode]]];
    case "skew":
      return shot.parts.map((part) => [
        prefill(shot.pc, shot.kp),
        ...partDecodes(shot, part).map(([kv, count]) => [1, kv, count] as const),
      ]);
  }
}

function prefill(tokens: number, history: number): Requests[number] {
  return [tokens, history, tokens > 0 ? 1 : 0];
}

/**
 * Checks a shot against the limits that it was told.
 *
 * @param shot The shot.
 * @param limits What the engine allows; it has room for one request and `max_num_seqs` tokens more than these say.
 * @returns The limit that it breaks in a sentence, undefined when it fits.
 *
 * @example
 * ```ts
 * import { infeasible } from "./infeasible.ts";
 * import assert from "node:assert/strict";
 * const limits = {
 *   max_num_batched_tokens: 64,
 *   max_num_seqs: 8,
 *   num_cache_tokens: 1024,
 *   max_model_len: 512,
 *   num_experts: null,
 *   top_k: null,
 *   block_size: 16,
 * };
 * assert.equal(infeasible({ category: "dense", tp: 1, tokens: 72 }, limits), undefined);
 * assert.equal(
 *   infeasible({ category: "dense", tp: 1, tokens: 73 }, limits),
 *   "A batch may have 72 new tokens, got 73",
 * );
 * ```
 */
export function infeasible(shot: Shot, limits: Limits): string | undefined {
  for (const batch of batchesOf(shot)) {
    const problem = brokenLimit(batch, limits);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function brokenLimit(requests: Requests, limits: Limits): string | undefined {
  const sum = (of: (request: Requests[number]) => number): number =>
    requests.reduce((total, request) => total + of(request), 0);
  const tokens = sum(([tokens, , count]) => tokens * count);
  const sequences = sum(([, , count]) => count);
  const longest = Math.max(...requests.map(([tokens, history, count]) => count > 0 ? tokens + history : 0));
  const room = limits.max_num_batched_tokens + limits.max_num_seqs;
  if (sequences === 0) return "A batch must have a request, got none";
  if (tokens > room) return `A batch may have ${plural(room, "new token")}, got ${formatCount(tokens)}`;
  if (sequences > limits.max_num_seqs + 1) {
    return `A batch may have ${plural(limits.max_num_seqs + 1, "request")}, got ${formatCount(sequences)}`;
  }
  if (longest > limits.max_model_len) {
    return `A request may have ${plural(limits.max_model_len, "token")}, got ${formatCount(longest)}`;
  }
  if (!fitsPool(requests.map(([tokens, history, count]) => [tokens + history, count, history]), limits)) {
    return `The KV pool holds ${
      plural(limits.num_cache_tokens, "token")
    } in blocks of ${limits.block_size}: the batch needs more`;
  }
  return undefined;
}
