/**
 * What layers take under a lasting load, beside what they take on a device at rest.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { Bundle } from "../../bundle/open.ts";
import type { Sustained } from "../../bundle/meta_blocks.ts";
import { counts, optionalFloats, texts } from "./series.ts";

/**
 * The layers of a bundle that were repeated without a pause.
 *
 * @param bundle The bundle.
 * @returns A row for each layer of a shot: category, layer, tp and the shot's `key`; `cool_us`, the time of the bundle's
 * row, and `time_us`, that of a call under the lasting load, in microseconds, null of a call that is shorter than its
 * launch; `power_w` in watts while it runs, `energy_mj`, the energy of a call in millijoules, and `sm_clock_mhz`, the
 * clock of the multiprocessors. What is not known is null; there are no rows where nothing was repeated.
 *
 * @example
 * ```ts
 * import { sustainedFrame } from "./sustained_frame.ts";
 * import assert from "node:assert/strict";
 * const shot = { category: "dense", tp: 1, key: [2048], layer: "gate_up_proj" } as const;
 * const sustained = [{ ...shot, time_us: 700, power_w: 680, sm_clock_mhz: 1485 }];
 * const table = () => [{ layer: "gate_up_proj", key: [2048], timeUs: 600 }];
 * const frame = sustainedFrame({ meta: { sustained }, table });
 * assert.deepEqual(frame.row(0), ["dense", "gate_up_proj", 1, "2048", 600, 700, 680, 476, 1485]);
 * ```
 */
export function sustainedFrame({ meta, table }: Pick<Bundle, "meta" | "table">): pl.DataFrame {
  const rows = meta.sustained ?? [];
  const cool = ({ category, tp, key, layer }: Sustained): number | null =>
    table(tp, category).find((row) => (row.layer ?? layer) === layer && row.key.join() === key.join())
      ?.timeUs ??
      null;
  return pl.DataFrame([
    texts("category", rows.map(({ category }) => category)),
    texts("layer", rows.map(({ layer }) => layer)),
    counts("tp", rows, ({ tp }) => tp),
    texts("key", rows.map(({ key }) => key.join())),
    optionalFloats("cool_us", rows.map(cool)),
    optionalFloats("time_us", rows.map(({ time_us }) => time_us)),
    optionalFloats("power_w", rows.map(({ power_w }) => power_w)),
    optionalFloats("energy_mj", rows.map((entry) => energyMj(entry, cool(entry)))),
    optionalFloats("sm_clock_mhz", rows.map(({ sm_clock_mhz }) => sm_clock_mhz)),
  ]);
}

/** A call that is shorter than its launch takes as long as on a device at rest. */
function energyMj({ time_us, power_w }: Sustained, coolUs: number | null): number | null {
  const timeUs = time_us ?? coolUs;
  return power_w === null || timeUs === null ? null : power_w * timeUs / 1000;
}
