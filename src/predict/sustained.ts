/**
 * Times of a device that is at work all the time: its power limit takes the clock down, and some rows with it.
 *
 * A bundle tells for some shots what their layers take when they are repeated without a pause (`sustained` in
 * meta.yaml). The ratio of that to the row is taken over to the other rows of the layer: by tokens for dense layers and
 * experts, by how many queries read a key for attention. This is an estimate; `docs/sustained.md` says how far it is off.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Sustained } from "../bundle/meta_blocks.ts";
import type { Row } from "../bundle/tables.ts";
import type { KernelTable } from "../bundle/whole_table.ts";
import { CATEGORIES, type Category } from "../shots/shot.ts";
import type { PredictorSource } from "./source.ts";

/** A repeated call that takes longer than its row by more than this and its clock says was launched too slowly. */
const LAUNCH_MARGIN = 1.1;

/** A ratio at a place of a layer's axis. */
export type RatioPoint = readonly [place: number, ratio: number];

/**
 * The rows of a bundle as a lasting load has them.
 *
 * @param source The bundle.
 * @returns The bundle with the times of `sustained` in place of those of its rows. Layers of which nothing was
 * sustained keep their times: they are short, and wait for memory.
 * @throws {UsageError} when nothing of the bundle was sustained.
 */
export function sustainedSource(source: PredictorSource): PredictorSource {
  const { sustained = [] } = source.meta;
  if (sustained.length === 0) {
    throw new UsageError(
      "Cannot predict the sustained state: the bundle has no sustained shots in its meta.yaml; measure it with a " +
        'harness that tells power and clock, or ask for { state: "cool" }',
    );
  }
  const { kernels } = source;
  return {
    ...source,
    table: (tp, category) => {
      const longer = lengthening(source, tp, category);
      return source.table(tp, category).map((row) => longer(row, row.layer, row.key));
    },
    ...kernels && {
      kernels: (tp: number, table: KernelTable) => {
        const found = kernels.call(source, tp, table);
        if (table === "mtp") return found;
        const longer = lengthening(source, tp, table);
        return new Map(Array.from(found, ([layer, splits]) => [
          layer,
          new Map(Array.from(splits, ([split, rows]) => [
            split,
            rows.map((row) =>
              longer(row, CATEGORIES[table].layered ? layer : null, augustKey(table, row.key))
            ),
          ])),
        ]));
      },
    },
  };
}

/** A row's key with the history of its prefill, where v1.2 has the mean place of the new tokens. */
function augustKey(table: Category, key: readonly number[]): readonly number[] {
  return table === "attention" ? key.with(1, Math.max(0, key[1]! - key[0]! / 2)) : key;
}

/** What makes the rows of a table longer. */
function lengthening(
  source: PredictorSource,
  tp: number,
  category: Category,
): (row: Row, layer: string | null, key: readonly number[]) => Row {
  const ratios = new Map<string | null, readonly RatioPoint[]>();
  return (row, layer, key) => {
    let points = ratios.get(layer);
    if (points === undefined) {
      points = ratioPoints(source, tp, category, layer);
      ratios.set(layer, points);
    }
    const ratio = ratioAt(points, placeOf(category, key));
    return ratio === 1 ? row : { ...row, timeUs: row.timeUs * ratio };
  };
}

/**
 * By how much a lasting load makes a layer longer, where that was measured.
 *
 * A call cannot take longer by more than its clock is lower than that of a device at rest. The degree's own
 * measurements count, or those of the nearest degree that has any.
 *
 * @param source The bundle.
 * @param tp Tensor-parallel degree.
 * @param category The layer's table.
 * @param layer The layer; null where the table has one.
 * @returns The ratios by their place, ascending.
 */
function ratioPoints(
  { meta: { sustained = [] }, table }: PredictorSource,
  tp: number,
  category: Category,
  layer: string | null,
): readonly RatioPoint[] {
  const own = sustained.filter((entry) =>
    entry.category === category && (layer === null || entry.layer === layer)
  );
  const distance = (degree: number): number => Math.abs(Math.log2(degree / tp));
  const nearest = Math.min(...own.map((entry) => distance(entry.tp)));
  const atRest = Math.max(...sustained.map(({ sm_clock_mhz }) => sm_clock_mhz ?? 0));
  const points = own.filter((entry) => distance(entry.tp) === nearest).flatMap((entry): RatioPoint[] => {
    const row = table(entry.tp, category).find(({ layer: name, key }) =>
      name === layer && key.join() === entry.key.join()
    );
    const ratio = row && lengthened(entry, row.timeUs, atRest);
    return ratio === undefined || ratio === null ? [] : [[placeOf(category, entry.key), ratio]];
  });
  return points.sort(([a], [b]) => a - b);
}

/** By how much a call is longer than its row; null when the device rested between the calls. */
function lengthened({ time_us, sm_clock_mhz }: Sustained, rowUs: number, atRestMhz: number): number | null {
  if (sm_clock_mhz === null || time_us === null) return null;
  const most = atRestMhz / sm_clock_mhz;
  const ratio = time_us / rowUs;
  if (ratio > most * LAUNCH_MARGIN && most < LAUNCH_MARGIN) return null;
  return Math.min(Math.max(ratio, 1), most);
}

/**
 * Where a row lies among those of its layer.
 *
 * @param category The table.
 * @param key The row's key.
 * @returns Tokens, or of attention the binary logarithm of queries per key.
 *
 * @example
 * ```ts
 * import { placeOf } from "./sustained.ts";
 * import assert from "node:assert/strict";
 * assert.equal(placeOf("attention", [512, 0, 0, 0]), 8);
 * assert.equal(placeOf("moe", [64, 8]), 64);
 * ```
 */
export function placeOf(category: Category, key: readonly number[]): number {
  if (category === "linear_attention") return key[0]! + key[1]!;
  if (category !== "attention") return key[0]!;
  const [chunk, before, decodes, history] = key as [number, number, number, number];
  const pairs = chunk * (before + chunk / 2) + decodes * (history + 1);
  const keys = (chunk > 0 ? before + chunk : 0) + decodes * (history + 1);
  return Math.log2(Math.max(1, pairs / keys));
}

/**
 * The ratio at a place: linear between measured ones, that of the last one above, falling to 1 at place 0 below the
 * first.
 *
 * @param points The measured ratios, ascending by place.
 * @param place The place.
 * @returns The ratio, 1 without points.
 *
 * @example
 * ```ts
 * import { ratioAt } from "./sustained.ts";
 * import assert from "node:assert/strict";
 * assert.equal(ratioAt([[100, 1.1], [200, 1.2]], 150).toFixed(2), "1.15");
 * assert.equal(ratioAt([[100, 1.1], [200, 1.2]], 50).toFixed(2), "1.05");
 * assert.equal(ratioAt([], 50), 1);
 * ```
 */
export function ratioAt(points: readonly RatioPoint[], place: number): number {
  const above = points.findIndex(([at]) => at >= place);
  if (above === -1) return points.at(-1)?.[1] ?? 1;
  const [high, ratio] = points[above]!;
  const [low, before] = points[above - 1] ?? [0, place === high ? ratio : 1];
  return high === low ? ratio : before + (ratio - before) * (place - low) / (high - low);
}
