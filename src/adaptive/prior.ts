/**
 * Another bundle to lean on.
 *
 * @module
 */
import type { Row } from "../bundle/tables.ts";
import { attentionNs, makeAttentionTable } from "../predict/attention.ts";
import type { Features } from "./features.ts";

/**
 * Adds what another bundle says about each shot: a column with the logarithm of its time there.
 *
 * The linear part of the model finds out how the logarithm of the time follows the prior's: with a weight of 1 the
 * rest of the model is one of their ratio. A prior that says nothing disturbs, so a model is
 * learned with the column and without, and both are asked.
 *
 * @param features The features of the shots.
 * @param keys The shots' keys.
 * @param rows The attention rows of the prior; without any, the features stay as they are.
 * @returns The features with the column.
 *
 * @example
 * ```ts
 * import { withPrior } from "./prior.ts";
 * import { attentionFeatures } from "./features.ts";
 * import assert from "node:assert/strict";
 * const keys = [[0, 0, 2, 100]];
 * const shot = { category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 2, kv_decode: 100 } as const;
 * const features = attentionFeatures([shot], { heads: 4, kvHeads: 2, multiprocessors: 8 });
 * const { columns } = withPrior(features, keys, [{ layer: null, key: [0, 0, 2, 100], timeUs: 20 }]);
 * assert.equal(columns.at(-1)![0], Math.log(20));
 * ```
 */
export function withPrior(
  features: Features,
  keys: readonly (readonly number[])[],
  rows: readonly Row[],
): Features {
  const table = makeAttentionTable(rows);
  if (table === null) return features;
  const { names, columns, linear } = features;
  const logTimes = Float64Array.from(
    keys,
    ([chunk = 0, history = 0, decodes = 0, kv = 0]) =>
      Math.log(attentionNs(table, chunk, history, decodes, kv) / 1000),
  );
  return {
    ...features,
    names: [...names, "log_prior_time"],
    columns: [...columns, logTimes],
    linear: [...linear, columns.length],
  };
}
