/**
 * The samples of a journal as a data frame.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { LayerSamples } from "../timeline.ts";
import { counts, floats, texts } from "./series.ts";

/**
 * Samples as a data frame, one row per timed forward and layer.
 *
 * @param samples The samples, as `readSamples` reads them.
 * @returns order, category, tp, key (its values joined by commas), layer, sample (from 0) and time_us in microseconds.
 *
 * @example
 * ```ts
 * import { samplesFrame } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const frame = samplesFrame([{
 *   order: 0, category: "dense", tp: 1, key: [16], layer: "o_proj", samplesUs: [5, 6], medianUs: 5.5, spread: 0.18,
 * }]);
 * assert.deepEqual(frame.getColumn("time_us").toArray(), [5, 6]);
 * ```
 */
export function samplesFrame(samples: readonly LayerSamples[]): pl.DataFrame {
  const flat = samples.flatMap((shot) =>
    shot.samplesUs.map((timeUs, sample) => ({ ...shot, timeUs, sample }))
  );
  return pl.DataFrame([
    counts("order", flat, ({ order }) => order),
    texts("category", flat.map(({ category }) => category)),
    counts("tp", flat, ({ tp }) => tp),
    texts("key", flat.map(({ key }) => key.join(","))),
    texts("layer", flat.map(({ layer }) => layer)),
    counts("sample", flat, ({ sample }) => sample),
    floats("time_us", flat, ({ timeUs }) => timeUs),
  ]);
}
