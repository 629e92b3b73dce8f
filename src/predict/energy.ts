/**
 * What rows take of a device's energy, and which of them a lasting load would clock down.
 *
 * @module
 */
import type { Sustained } from "../bundle/meta_blocks.ts";
import { type Category, CATEGORY_ORDER } from "../shots/shot.ts";
import { mean } from "../stats.ts";
import type { PredictorSource } from "./source.ts";
import { placeOf, sustainedSource } from "./sustained.ts";

/** Lasting loads that make a row longer by less than this share leave the clock where it is. */
const CLOCK_SHARE = 0.01;

/** A clock that is lower than that at rest by more than this share was taken down by the power limit. */
const LIMITED_SHARE = 0.02;

/** The energy of one row, all calls of its layer in a forward. */
export interface RowEnergy {
  /** The table. */
  readonly category: Category;
  /** The layer; null where the table has one. */
  readonly layer: string | null;
  /** The row's key. */
  readonly key: readonly number[];
  /** Time on a device at rest, in microseconds. */
  readonly timeUs: number;
  /** Time under a lasting load, in microseconds. */
  readonly sustainedUs: number;
  /** Power while it runs, in watts: the device's limit where that takes the clock down; null where nothing was repeated. */
  readonly powerW: number | null;
  /** Energy, in millijoules: power times the time under a lasting load. */
  readonly energyMj: number | null;
  /** Whether the power is that of the row's own shot; otherwise it is an estimate from others of its layer. */
  readonly measured: boolean;
  /** Whether a lasting load takes the clock down. */
  readonly clocksDown: boolean;
}

/**
 * Energy of the rows of a degree, from the shots that were repeated without a pause (`sustained` in meta.yaml).
 *
 * Shots whose clock the power limit took down all take that limit: the mean of what they were read to take, because one
 * reading by a counter that steps every 100 ms is off by up to a fifth.
 *
 * The power of other rows is an estimate: linear between the places of measured ones (tokens, or of attention the
 * logarithm of queries per key), that of the nearest one outside.
 *
 * @param source The bundle.
 * @param tp Tensor-parallel degree.
 * @returns The rows of its tables in their order; none where nothing was repeated.
 *
 * @example
 * ```ts
 * import { rowEnergies } from "./energy.ts";
 * import assert from "node:assert/strict";
 * const shot = { category: "dense", tp: 1, key: [2048], layer: "gate_up_proj" } as const;
 * const sustained = [{ ...shot, time_us: 660, power_w: 700, sm_clock_mhz: 1800 }, {
 *   ...{ ...shot, layer: "act_fn" },
 *   ...{ time_us: 48, power_w: 500, sm_clock_mhz: 1980 },
 * }];
 * const table = () => [{ layer: "gate_up_proj", key: [2048], timeUs: 600 }];
 * const [row] = rowEnergies({ tps: [1], meta: { sustained }, table, skewFit: () => [] }, 1);
 * assert.deepEqual([row?.energyMj, row?.measured, row?.clocksDown], [462, true, true]);
 * ```
 */
export function rowEnergies(source: PredictorSource, tp: number): RowEnergy[] {
  const sustained = atTheLimit(source.meta.sustained ?? []);
  if (sustained.length === 0) return [];
  const atWork = sustainedSource(source);
  return CATEGORY_ORDER.flatMap((category) => {
    const longer = atWork.table(tp, category);
    const powers = new Map<string | null, Powers>();
    return source.table(tp, category).map(({ layer, key, timeUs }, index): RowEnergy => {
      const sustainedUs = longer[index]!.timeUs;
      const own = powers.get(layer) ?? powersOf(sustained, tp, category, layer);
      powers.set(layer, own);
      const told = own.byKey.get(key.join());
      const powerW = told ?? between(own.byPlace, placeOf(category, key));
      return {
        ...{ category, layer, key, timeUs, sustainedUs, powerW },
        energyMj: powerW === null ? null : powerW * sustainedUs / 1000,
        measured: told !== undefined,
        clocksDown: sustainedUs > timeUs * (1 + CLOCK_SHARE),
      };
    });
  });
}

/** Sustained shots, those at the power limit with one power. */
function atTheLimit(sustained: readonly Sustained[]): Sustained[] {
  const atRest = Math.max(...sustained.map(({ sm_clock_mhz }) => sm_clock_mhz ?? 0));
  const isLimited = ({ sm_clock_mhz, time_us, power_w }: Sustained): boolean =>
    time_us !== null && power_w !== null && sm_clock_mhz !== null &&
    sm_clock_mhz < atRest * (1 - LIMITED_SHARE);
  const watts = sustained.filter(isLimited).flatMap(({ power_w }) => power_w ?? []);
  const limit = mean(watts);
  return sustained.map((entry) => isLimited(entry) ? { ...entry, power_w: limit } : entry);
}

/** Watts of a layer: of its own shots, and by their places where those of the nearest degree are. */
interface Powers {
  readonly byKey: ReadonlyMap<string, number>;
  readonly byPlace: readonly (readonly [place: number, watts: number])[];
}

function powersOf(
  sustained: readonly Sustained[],
  tp: number,
  category: Category,
  layer: string | null,
): Powers {
  const told = sustained.flatMap((entry) =>
    entry.category === category && (layer === null || entry.layer === layer) && entry.power_w !== null
      ? [{ tp: entry.tp, key: entry.key, watts: entry.power_w }]
      : []
  );
  const distance = (degree: number): number => Math.abs(Math.log2(degree / tp));
  const nearest = Math.min(...told.map((entry) => distance(entry.tp)));
  return {
    byKey: new Map(told.filter((entry) => entry.tp === tp).map(({ key, watts }) => [key.join(), watts])),
    byPlace: told.filter((entry) => distance(entry.tp) === nearest)
      .map(({ key, watts }) => [placeOf(category, key), watts] as const).sort(([a], [b]) => a - b),
  };
}

/** The value at a place: linear between points, that of the nearest one outside; null without points. */
function between(points: Powers["byPlace"], place: number): number | null {
  const above = points.findIndex(([at]) => at >= place);
  if (above <= 0) return points.at(above)?.[1] ?? null;
  const [[low, before], [high, after]] = [points[above - 1]!, points[above]!];
  return high === low ? after : before + (after - before) * (place - low) / (high - low);
}
