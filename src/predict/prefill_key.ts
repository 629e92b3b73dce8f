/**
 * Where the prefills of a batch lie, as one number: the mean place of their new tokens.
 *
 * @module
 */

import type { Prefill } from "./batch.ts";

/**
 * The mean over all new tokens of the prefills of the history before them: of a prefill of c tokens after h it is
 * h + c / 2.
 *
 * @param prefills The prefills; one of a single new token counts as a decode.
 * @param boundTokens How much of a history the attention reads, null for all of it. @default {null}
 * @returns The key in tokens, 0 without prefills.
 *
 * @example
 * ```ts
 * import { prefillKey } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const prefills = [{ chunk: 512, history: 0 }, { chunk: 512, history: 1024 }];
 * assert.deepEqual([prefillKey(prefills), prefillKey(prefills, 1024)], [768, 640]);
 * ```
 */
export function prefillKey(
  prefills: readonly Prefill[],
  boundTokens: number | null = null,
): number {
  let weighted = 0;
  let tokens = 0;
  for (let i = 0; i < prefills.length; i++) {
    const { chunk, history } = prefills[i]!;
    if (chunk === 1) continue;
    const place = history + chunk / 2;
    weighted += chunk * (boundTokens !== null && place > boundTokens ? boundTokens : place);
    tokens += chunk;
  }
  return tokens === 0 ? 0 : weighted / tokens;
}
