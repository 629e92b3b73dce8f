/**
 * Reads what an engine allows from a file, for plans that are made without the engine.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Limits } from "../sweep/limits.ts";

/** Tokens of a KV block on CUDA devices, which most limits are written for. */
const DEFAULT_BLOCK_SIZE = 16;

const count = z.int({ error: "expected an integer of at least 1" }).min(
  1,
  "expected an integer of at least 1",
);

const LIMITS: z.ZodType<Limits> = z.object({
  max_num_batched_tokens: count,
  max_num_seqs: count,
  num_cache_tokens: count,
  max_model_len: count,
  num_experts: count.nullable().default(null),
  top_k: count.nullable().default(null),
  block_size: count.default(DEFAULT_BLOCK_SIZE),
}, { error: "expected an object of limits" });

/**
 * Reads a file of limits.
 *
 * @param path A JSON file with the fields of {@linkcode Limits}; `num_experts` and `top_k` are null and `block_size`
 * is 16 when left out.
 * @returns The limits.
 * @throws {UsageError} when the file cannot be read, is no JSON, or a field is missing or wrong.
 */
export async function readLimits(path: string): Promise<Limits> {
  const result = LIMITS.safeParse(parse(await read(path), path));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.length > 0 ? ` ${issue.path.join(".")}:` : "";
  throw new UsageError(`Cannot use the limits in ${path}:${field} ${issue.message}`);
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read the limits in ${path}: ${(cause as Error).message}`, { cause });
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot read the limits in ${path}: it is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}
