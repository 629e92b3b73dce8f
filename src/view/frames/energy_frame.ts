/**
 * What rows take of a device's energy.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { Bundle } from "../../bundle/open.ts";
import { rowEnergies } from "../../predict/energy.ts";
import { flags, floats, optionalFloats, texts } from "./series.ts";

/**
 * The energy of the rows of a degree.
 *
 * @param bundle The bundle.
 * @param tp Tensor-parallel degree.
 * @returns A row for each row of the tables: category, layer and `key`; `time_us` on a device at rest and `sustained_us`
 * under a lasting load, in microseconds; `power_w` in watts while it runs and `energy_mj` in millijoules, null where
 * nothing of the layer was repeated; `measured`, false where the power is an estimate from other rows of the layer; and
 * `clocks_down`, whether a lasting load takes the clock down. None where nothing was repeated, as on a device that tells
 * no power.
 *
 * @example
 * ```ts
 * import { energyFrame } from "./energy_frame.ts";
 * import assert from "node:assert/strict";
 * const sustained = [
 *   { category: "moe", tp: 1, key: [2048, 8], layer: "moe", time_us: 400, power_w: 600, sm_clock_mhz: 1980 },
 * ] as const;
 * const table = (_tp: number, category: string) =>
 *   category === "moe" ? [{ layer: null, key: [1024, 8], timeUs: 250 }] : [];
 * const frame = energyFrame({ tps: [1], meta: { sustained }, table, skewFit: () => [] }, 1);
 * assert.deepEqual(frame.row(0), ["moe", null, "1024,8", 250, 250, 600, 150, false, false]);
 * ```
 */
export function energyFrame(
  bundle: Pick<Bundle, "tps" | "table" | "skewFit"> & { readonly meta: Pick<Bundle["meta"], "sustained"> },
  tp: number,
): pl.DataFrame {
  const rows = rowEnergies(bundle, tp);
  return pl.DataFrame([
    texts("category", rows.map(({ category }) => category)),
    texts("layer", rows.map(({ layer }) => layer)),
    texts("key", rows.map(({ key }) => key.join())),
    floats("time_us", rows, ({ timeUs }) => timeUs),
    floats("sustained_us", rows, ({ sustainedUs }) => sustainedUs),
    optionalFloats("power_w", rows.map(({ powerW }) => powerW)),
    optionalFloats("energy_mj", rows.map(({ energyMj }) => energyMj)),
    flags("measured", rows.map(({ measured }) => measured)),
    flags("clocks_down", rows.map(({ clocksDown }) => clocksDown)),
  ]);
}
