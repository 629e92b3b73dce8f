/**
 * Limits in a file, for a plan without an engine.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Limits } from "./limits.ts";
import { readJson } from "./read_json.ts";
import { limitsSchema } from "./schemas.ts";

/**
 * Reads the limits of an engine from JSON.
 *
 * @param text The file's JSON: the fields of {@linkcode Limits}; without `block_size` it is 16, without `num_experts`
 * and `top_k` the model is dense.
 * @param path Its path, for messages.
 * @returns The limits.
 * @throws {UsageError} when a field is missing, unknown or no whole number above 0.
 *
 * @example
 * ```ts
 * import { parseLimits } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const text = `{
 *   "max_num_batched_tokens": 2048,
 *   "max_num_seqs": 256,
 *   "num_cache_tokens": 4400000,
 *   "max_model_len": 131072
 * }`;
 * assert.equal(parseLimits(text, "limits.json").block_size, 16);
 * ```
 */
export function parseLimits(text: string, path: string): Limits {
  return readJson(limitsSchema, text, (rule) => new UsageError(`Cannot read limits ${path}: ${rule}`));
}
