/**
 * Sizes that a lookup is asked for, checked.
 *
 * @module
 */
import type { Batch } from "./batch.ts";
import type { AttentionQuery, Predictor } from "./source.ts";

/**
 * Makes a predictor refuse sizes that no batch has. A simulator takes the least row for a negative one, and a time that
 * is no number spreads through whatever is summed with it.
 *
 * @param predictor The predictor.
 * @returns One that throws a `RangeError` for a size that is negative, infinite or no number.
 *
 * @example
 * ```ts
 * import { predictor } from "./predictor.ts";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "qkv_proj", key: [16], timeUs: 10 }];
 * const { dense } = predictor({ tps: [1], meta: {}, table: () => rows, skewFit: () => [] });
 * assert.throws(() => dense(1, "qkv_proj", -5), new RangeError("Cannot look up a time: tokens must be a number from 0, got -5"));
 * ```
 */
export function checkedPredictor(predictor: Predictor): Predictor {
  return {
    ...predictor,
    dense: (tp, layer, tokens) => {
      check("tokens", tokens);
      return predictor.dense(tp, layer, tokens);
    },
    perSequence: (tp, layer, sequences) => {
      check("sequences", sequences);
      return predictor.perSequence(tp, layer, sequences);
    },
    mtp: (tp, layer, tokens) => {
      check("tokens", tokens);
      return predictor.mtp(tp, layer, tokens);
    },
    moe: (query) => {
      check("tokens", query.tokens);
      check("activatedExperts", query.activatedExperts);
      if (query.ep !== undefined) check("ep", query.ep);
      return predictor.moe(query);
    },
    linearAttention: (tp, layer, query) => {
      check("prefillTokens", query.prefillTokens);
      check("nDecode", query.nDecode);
      return predictor.linearAttention(tp, layer, query);
    },
    attention: (tp, query) => {
      checkAttention(query);
      return predictor.attention(tp, query);
    },
    kernelAttention: (tp, query) => {
      check("chunk", query.chunk);
      check("prefillKey", query.prefillKey);
      check("nDecode", query.nDecode);
      check("kvDecode", query.kvDecode);
      if (query.decodeQLen !== undefined) check("decodeQLen", query.decodeQLen);
      return predictor.kernelAttention(tp, query);
    },
    batch: (tp, batch, kernel) => {
      checkBatch(batch);
      return predictor.batch(tp, batch, kernel);
    },
    explainAttention: (tp, query) => {
      checkAttention(query);
      return predictor.explainAttention(tp, query);
    },
    explainBatch: (tp, batch, kernel) => {
      checkBatch(batch);
      return predictor.explainBatch(tp, batch, kernel);
    },
  };
}

/**
 * Refuses a batch with a size that is negative, infinite or no number.
 *
 * @param batch The batch.
 * @throws {RangeError} that names the size.
 */
export function checkBatch({ prefills, decodes }: Batch): void {
  for (const { chunk, history } of prefills) {
    check("chunk", chunk);
    check("history", history);
  }
  for (const { kv, count } of decodes) {
    check("kv", kv);
    check("count", count);
  }
}

function checkAttention({ chunk, kvPrefill, nDecode, kvDecode }: AttentionQuery): void {
  check("chunk", chunk);
  check("kvPrefill", kvPrefill);
  check("nDecode", nDecode);
  check("kvDecode", kvDecode);
}

function check(name: string, size: number): void {
  if (size >= 0 && size < Infinity) return;
  throw new RangeError(`Cannot look up a time: ${name} must be a number from 0, got ${size}`);
}
