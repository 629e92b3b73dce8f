/**
 * Which sweeps of an engine a run is about.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { Shot, SweepCategory } from "../shots/shot.ts";

/** One sweep of a bundle. */
export interface SweepName {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Category, or the skew cases. */
  readonly category: SweepCategory;
}

/**
 * The sweeps by table. The skew cases first: the ends of their rows come from attention's. Experts that several devices
 * share stand in one table.
 *
 * @param sweeps The sweeps of a degree.
 * @returns A sweep for each table.
 */
export function toSettle(sweeps: readonly Sweep[]): Sweep[] {
  const tables = [...Map.groupBy(sweeps, ({ category }) => category)].map(([category, group]): Sweep => ({
    category,
    tp: group[0]!.tp,
    shots: group.flatMap(({ shots }): readonly Shot[] => shots),
  }));
  return tables.sort((a, b) => Number(b.category === "skew") - Number(a.category === "skew"));
}

/**
 * The sweeps that a run fires.
 *
 * @param sweeps The planned sweeps of a degree.
 * @param again The one that is measured again; undefined for all that is absent.
 * @returns The sweeps.
 * @throws {UsageError} when the one to measure again is not planned.
 */
export function chosenSweeps(sweeps: readonly Sweep[], again: SweepName | undefined): readonly Sweep[] {
  if (again === undefined) return sweeps;
  const chosen = sweeps.filter(({ category }) => category === again.category);
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    `Cannot measure ${again.category} at tp ${again.tp} again: it is not measured there; ` +
      `choose one of ${sweeps.map(({ category }) => category).join(", ")}, or another tp`,
  );
}
