/**
 * How the settings of a run want its shots fired.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import type { Settings } from "../settings.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { ExecuteOptions } from "./execute.ts";
import { sentinelShot, usualDriftShare } from "../workers/sentinel.ts";

/** The settings that say it. */
export type FiringSettings = Pick<
  Settings,
  "measurementIterations" | "precision" | "seed" | "parity" | "sentinelS" | "driftShare"
>;

/**
 * Samples, order and sentinel of an engine. Estimates do not drift, and an engine without attention shots has no
 * sentinel; parity keeps the plan's order.
 *
 * @param settings The settings.
 * @param quantity What is timed.
 * @param planned All that is planned for the engine, from which the sentinel is chosen.
 * @returns The options of `execute()` that follow from them.
 */
export function howToFire(
  settings: FiringSettings,
  quantity: Quantity,
  planned: readonly Sweep[],
): Pick<ExecuteOptions, "iterations" | "precision" | "quantity" | "seed" | "sentinel"> {
  const { precision, sentinelS, driftShare } = settings;
  const shot = sentinelS === 0 || quantity === "estimate" ? null : sentinelShot(planned);
  return {
    iterations: settings.measurementIterations,
    quantity,
    seed: settings.parity ? null : settings.seed,
    ...precision && { precision },
    ...shot && { sentinel: { shot, everyS: sentinelS, share: driftShare ?? usualDriftShare(quantity) } },
  };
}
