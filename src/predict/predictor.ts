/**
 * Times from a bundle, to the nanosecond as a simulator reads them from it.
 *
 * @module
 */
import { augustPredictor } from "./august.ts";
import { checkedPredictor } from "./checked.ts";
import type { Predictor, PredictorOptions, PredictorSource } from "./source.ts";
import { sustainedSource } from "./sustained.ts";
import { newerPredictor } from "./v1_2.ts";

export type {
  AttentionQuery,
  BatchKernel,
  DeviceActivity,
  KernelQuery,
  MoeQuery,
  Predictor,
  PredictorOptions,
  PredictorSource,
} from "./source.ts";

/**
 * Makes a predictor of a bundle. Tables are arranged when they are first asked for; a lookup makes no objects.
 *
 * @param source The bundle.
 * @param options What else is known.
 * @returns The predictor; its functions throw a {@linkcode LookupError} for what the bundle does not hold, and a
 * `RangeError` for a size that is negative or no number.
 * @throws {UsageError} when the sustained state is asked for and the bundle tells nothing of it.
 *
 * @example
 * ```ts
 * import { predictor } from "shotlab";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "qkv_proj", key: [16], timeUs: 10 }, { layer: "qkv_proj", key: [32], timeUs: 14 }];
 * const { dense } = predictor({ tps: [1], meta: {}, table: () => rows, skewFit: () => [] });
 * assert.equal(dense(1, "qkv_proj", 24), 12_000);
 * ```
 */
export function predictor(source: PredictorSource, options: PredictorOptions = {}): Predictor {
  const { simulator = source.simulator ?? "august", state = "cool" } = options;
  const from = state === "cool" ? source : sustainedSource(source);
  return checkedPredictor(
    simulator === "august" ? augustPredictor(from, options) : newerPredictor(from, options),
  );
}
