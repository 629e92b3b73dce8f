/**
 * What sliding attention reads of a batch: of longer histories the last tokens alone.
 *
 * @module
 */
import { textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";
import type { Batch } from "./batch.ts";

/** The kernel of several that slides; it is named after its kind of decoder layer. */
const SLIDING = "sliding_attention";

/**
 * A batch as an attention kernel reads it: a sliding one's histories end at its window, so that two decodes beyond it
 * are alike, and the mean of one within and one beyond is that of what they read.
 *
 * @param batch The batch.
 * @param layer The kernel's name.
 * @param config The model's configuration, with `sliding_window` in tokens.
 * @returns The batch itself where nothing slides.
 *
 * @example
 * ```ts
 * import { readBy } from "./window.ts";
 * import assert from "node:assert/strict";
 * const batch = { prefills: [], decodes: [{ kv: 100, count: 1 }, { kv: 9000, count: 1 }] };
 * const { decodes } = readBy(batch, "sliding_attention", { sliding_window: 1024 });
 * assert.deepEqual(decodes.map(({ kv }) => kv), [100, 1024]);
 * ```
 */
export function readBy(batch: Batch, layer: string, config: ModelConfig): Batch {
  const window = textConfig(config).sliding_window;
  if (layer !== SLIDING || typeof window !== "number") return batch;
  return {
    prefills: batch.prefills.map((prefill) => ({ ...prefill, history: Math.min(prefill.history, window) })),
    decodes: batch.decodes.map((decodes) => ({ ...decodes, kv: Math.min(decodes.kv, window) })),
  };
}
