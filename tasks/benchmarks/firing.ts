/**
 * How long the sweeps of a bundle took.
 *
 * @module
 */
import { CATEGORY_ORDER, type SweepCategory } from "../../src/shots/shot.ts";
import { formatCount } from "../../src/count_text.ts";
import { formatShare } from "../../src/view/text.ts";
import type { Published } from "./published.ts";

/** A sweep's cost. */
export interface Firing {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** What was swept. */
  readonly category: SweepCategory;
  /** Shots that were fired. */
  readonly shots: number;
  /** Seconds of firing. */
  readonly firingS: number;
  /** Seconds of these in which the device worked; null when it did not tell. */
  readonly busyS: number | null;
}

/**
 * The sweeps of a bundle.
 *
 * @param published The bundle.
 * @returns Their costs, by degree and in the order of the categories.
 */
export function firingOf({ bundle: { tps, meta }, run }: Pick<Published, "bundle" | "run">): Firing[] {
  return tps.flatMap((tp) =>
    ([...CATEGORY_ORDER, "skew"] as const).flatMap((category) => {
      const degree = `tp${tp}`;
      const firingS = meta.duration_s?.[degree]?.[category];
      const shots = run.fired[degree]?.[category];
      if (firingS === undefined || shots === undefined) return [];
      return [{ tp, category, shots, firingS, busyS: meta.device_busy_s?.[degree]?.[category] ?? null }];
    })
  );
}

/**
 * The costs of sweeps together, in the cells of a table.
 *
 * @param sweeps The sweeps.
 * @returns Shots, seconds of firing, milliseconds a shot, and the share of them in which the device worked.
 */
export function costCells(sweeps: readonly Firing[]): string[] {
  const sum = (of: (sweep: Firing) => number): number =>
    sweeps.reduce((total, sweep) => total + of(sweep), 0);
  const [shots, firingS] = [sum((one) => one.shots), sum((one) => one.firingS)];
  const busy = sweeps.some(({ busyS }) => busyS === null) ? null : sum(({ busyS }) => busyS!) / firingS;
  return [
    formatCount(shots),
    firingS.toFixed(1),
    (1000 * firingS / shots).toFixed(1),
    busy === null ? "-" : formatShare(busy),
  ];
}
