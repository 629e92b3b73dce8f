/**
 * What local attention reads of a batch: of longer histories the tokens of a window, or those of the current chunk.
 *
 * @module
 */
import type { Row } from "../bundle/tables.ts";
import { textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";
import type { Batch, Prefill } from "./batch.ts";

/** The kernels of several that are local; they are named after their kind of decoder layer. */
const SLIDING = "sliding_attention";
const CHUNKED = "chunked_attention";

/**
 * A batch as an attention kernel reads it. A sliding one's histories end at its window, so that two decodes beyond it
 * are alike, and the mean of one within and one beyond is that of what they read. One that is local to a chunk reads
 * a history from where the chunk begins that the new token is in, and takes a prefill apart where a chunk ends.
 *
 * @param batch The batch.
 * @param layer The kernel's name.
 * @param config The model's configuration, with `sliding_window` or `attention_chunk_size` in tokens.
 * @returns The batch itself where nothing is local.
 *
 * @example
 * ```ts
 * import { readBy } from "./window.ts";
 * import assert from "node:assert/strict";
 * const batch = { prefills: [], decodes: [{ kv: 100, count: 1 }, { kv: 9000, count: 1 }] };
 * const kvOf = (layer: string, config: object) => readBy(batch, layer, { ...config }).decodes.map(({ kv }) => kv);
 * assert.deepEqual(kvOf("sliding_attention", { sliding_window: 1024 }), [100, 1024]);
 * assert.deepEqual(kvOf("chunked_attention", { attention_chunk_size: 8192 }), [100, 808]);
 * ```
 */
export function readBy(batch: Batch, layer: string, config: ModelConfig): Batch {
  const { sliding_window: window, attention_chunk_size: span } = textConfig(config);
  if (layer === SLIDING && typeof window === "number") {
    return {
      prefills: batch.prefills.map((prefill) => ({ ...prefill, history: Math.min(prefill.history, window) })),
      decodes: batch.decodes.map((decodes) => ({ ...decodes, kv: Math.min(decodes.kv, window) })),
    };
  }
  if (layer === CHUNKED && typeof span === "number") {
    return {
      prefills: batch.prefills.flatMap((prefill) => byChunk(prefill, span)),
      decodes: batch.decodes.map((decodes) => ({ ...decodes, kv: decodes.kv % span })),
    };
  }
  return batch;
}

function byChunk({ chunk, history }: Prefill, span: number): Prefill[] {
  const pieces: Prefill[] = [];
  for (let at = history, end = history + chunk; at < end;) {
    const within = at % span;
    const taken = Math.min(end - at, span - within);
    pieces.push({ chunk: taken, history: within });
    at += taken;
  }
  return pieces;
}

/**
 * The rows of an attention kernel between which times may be interpolated: those of one that is local to a chunk with
 * histories and new tokens within a single chunk, as one beyond takes the time of another history.
 *
 * @param layer The kernel's name.
 * @param spanTokens Tokens of a chunk, null without local attention.
 * @param rows Its rows, placed by v1.2: new tokens, their mean place, decodes and their history.
 * @returns The rows, all of them where none is within a chunk.
 */
export function rowsWithin(layer: string, spanTokens: number | null, rows: readonly Row[]): readonly Row[] {
  if (layer !== CHUNKED || spanTokens === null) return rows;
  const within = rows.filter(({ key: [chunk = 0, place = 0, n = 0, kv = 0] }) =>
    (chunk === 0 || place + chunk / 2 <= spanTokens) && (n === 0 || kv < spanTokens)
  );
  return within.length > 0 ? within : rows;
}
