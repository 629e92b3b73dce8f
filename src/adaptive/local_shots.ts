/**
 * What a kernel of local attention reads of a shot.
 *
 * @module
 */
import type { ModelConfig } from "../model/model.ts";
import { readBy } from "../predict/window.ts";
import type { AttentionShot } from "../shots/shot.ts";

/**
 * A shot as an attention kernel reads it: of histories beyond a window its tokens, of those beyond a chunk the current
 * chunk's.
 *
 * @param shot The shot.
 * @param layer The kernel's name.
 * @param config The model's configuration.
 * @returns A shot with the histories that are read; the shot itself where nothing is local.
 *
 * @example
 * ```ts
 * import { seenBy } from "./local_shots.ts";
 * import assert from "node:assert/strict";
 * const shot = { category: "attention", tp: 1, prefill_chunk: 64, kv_prefill: 4096, n_decode: 2, kv_decode: 9 } as const;
 * const { kv_prefill, kv_decode } = seenBy(shot, "sliding_attention", { sliding_window: 512 });
 * assert.deepEqual([kv_prefill, kv_decode], [512, 9]);
 * ```
 */
export function seenBy(shot: AttentionShot, layer: string, config: ModelConfig): AttentionShot {
  const { prefill_chunk, kv_prefill, n_decode, kv_decode } = shot;
  const { prefills = prefill_chunk > 0 ? [[prefill_chunk, kv_prefill] as const] : [] } = shot;
  const batch = {
    prefills: prefills.map(([chunk, history]) => ({ chunk, history })),
    decodes: [{ kv: kv_decode, count: n_decode }],
  };
  const seen = readBy(batch, layer, config);
  if (seen === batch) return shot;
  const pieces = seen.prefills.map(({ chunk, history }) => [chunk, history] as const);
  return {
    ...shot,
    kv_prefill: pieces[0]?.[1] ?? 0,
    kv_decode: seen.decodes[0]!.kv,
    ...pieces.length > 1 || shot.prefills !== undefined ? { prefills: pieces } : {},
  };
}
