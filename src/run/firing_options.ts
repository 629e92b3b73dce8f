/**
 * How the settings of a run want its shots fired.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import type { Settings } from "../settings.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { ExecuteOptions } from "./execute.ts";
import { infeasible } from "../harness/estimate/infeasible.ts";
import type { Judge } from "../journal/judge.ts";
import { usualDriftShare } from "../journal/sentinel.ts";
import type { Limits } from "../shots/limits.ts";
import type { Watch } from "../journal/line.ts";
import { sentinelShot } from "../shots/sentinel_shot.ts";
import type { AttentionShot, Shot } from "../shots/shot.ts";

/** The settings that say it. */
export type FiringSettings = Pick<
  Settings,
  "measurementIterations" | "precision" | "seed" | "parity" | "sentinelS" | "sustainS" | "driftShare"
>;

/** Shots that were chosen before. */
export interface ChosenShots {
  /** The sentinel: the plan's, or the one that the journal has. @default {the sweeps' own} */
  readonly named?: AttentionShot | null | undefined;
  /** Shots to repeat without a pause. @default {none} */
  readonly lasting?: readonly Shot[] | undefined;
}

/**
 * How the device is watched, as the session's line in the journal says it.
 *
 * @param settings The settings.
 * @param quantity What is timed.
 * @returns Seconds between two sentinels and the share by which they may move; null for estimates, which do not drift,
 * and when nothing is to watch.
 */
export function watchOf(
  { sentinelS, driftShare }: Pick<FiringSettings, "sentinelS" | "driftShare">,
  quantity: Quantity,
): Watch | null {
  if (sentinelS === 0 || quantity === "estimate") return null;
  return { every_s: sentinelS, share: driftShare ?? usualDriftShare(quantity) };
}

/**
 * Samples, order and sentinel of an engine. An engine without attention shots has no sentinel; parity keeps the plan's
 * order.
 *
 * @param settings The settings.
 * @param quantity What is timed.
 * @param planned All that is planned for the engine, from which the sentinel is chosen.
 * @param chosen Shots that were chosen before.
 * @returns The options of `execute()` that follow from them.
 */
export function firingOptions(
  settings: FiringSettings,
  quantity: Quantity,
  planned: readonly Sweep[],
  { named = null, lasting = [] }: ChosenShots = {},
): Pick<ExecuteOptions, "iterations" | "precision" | "quantity" | "seed" | "sentinel" | "sustain"> {
  const { precision, sustainS } = settings;
  const watch = watchOf(settings, quantity);
  const shot = watch === null ? null : named ?? sentinelShot(planned);
  return {
    iterations: settings.measurementIterations,
    quantity,
    seed: settings.parity ? null : settings.seed,
    ...precision && { precision },
    ...sustainS > 0 && lasting.length > 0 && { sustain: { shots: lasting, seconds: sustainS } },
    ...watch && shot && { sentinel: { shot, everyS: watch.every_s, share: watch.share } },
  };
}

/**
 * The sentinel that a journal has at a degree, when the engine can fire it: speeds then and now can be compared.
 *
 * @param judge Follows the journal.
 * @param tp Tensor-parallel degree.
 * @param limits What the engine allows.
 * @returns The shot, null when there is none.
 */
export function journalSentinel(
  judge: Pick<Judge, "sentinelKey">,
  tp: number,
  limits: Limits,
): AttentionShot | null {
  const [prefill_chunk, kv_prefill, n_decode, kv_decode] = judge.sentinelKey(tp) ?? [];
  if (prefill_chunk === undefined) return null;
  const shot: AttentionShot = {
    ...{ category: "attention" as const, tp, prefill_chunk },
    ...{ kv_prefill: kv_prefill!, n_decode: n_decode!, kv_decode: kv_decode! },
  };
  return infeasible(shot, limits) === undefined ? shot : null;
}
