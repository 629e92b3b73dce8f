/**
 * Sweeps of which a part is fired, chosen in rounds, and the rest is predicted.
 *
 * @module
 */
import { attentionRounds, type PredictedRow } from "../adaptive/attention.ts";
import { type AdaptedSkew, skewRounds } from "../adaptive/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { fitSkew } from "../fit/fit_skew.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import {
  type AdaptiveOptions,
  type AdaptiveTask,
  designOf,
  type RoundEstimate,
  roundsTask,
} from "./round_sweep.ts";
import { moreWouldBuy } from "./budget.ts";
import { dueSkew, isDue } from "./due.ts";
import type { ExecuteOptions } from "./execute.ts";
import { type SweepTask, wholeSweep } from "./sweep_task.ts";
import type { AttentionShot } from "../shots/shot.ts";
import type { Estimate } from "../store/estimates.ts";

/** Errors of predicted times that are this share of the fit's are not what limits it. */
const LIMITING = 0.5;

/**
 * The tasks of a degree: small sweeps are fired as a whole, and first; of attention and skew a part is. With a budget
 * these two are fired side by side.
 *
 * @param options What to fire.
 * @param adaptive How a part is chosen.
 * @returns The tasks, those that are fired side by side together, and what is to be told in the end.
 */
export function adaptiveTasks(
  options: ExecuteOptions,
  adaptive: AdaptiveOptions,
): { tasks: SweepTask[][]; conclusion: () => string | null } {
  const { sweeps } = options;
  const whole = sweeps.filter(({ category }) => category !== "attention" && category !== "skew");
  const parts = [
    ...sweeps.filter(({ category }) => category === "attention").map((sweep) =>
      attentionTask(sweep, options, adaptive)
    ),
    ...sweeps.filter(({ category }) => category === "skew").map((sweep) =>
      skewTask(sweep, options, adaptive)
    ),
  ];
  const { budget } = adaptive;
  const together = budget === undefined || parts.length === 0 ? parts.map((task) => [task]) : [parts];
  return {
    tasks: [...whole.map((sweep) => [wholeSweep(sweep, options)]), ...together],
    conclusion: () =>
      budget === undefined || sweeps[0] === undefined
        ? null
        : moreWouldBuy(budget, sweeps[0].tp, parts.flatMap(({ cut }) => cut ?? [])),
  };
}

function attentionTask(sweep: Sweep, options: ExecuteOptions, adaptive: AdaptiveOptions): AdaptiveTask {
  const { session, kernel, layers, prior } = adaptive;
  const { tp } = sweep;
  const timesOf = (shot: AttentionShot): (number | null)[] =>
    layers.map(({ layer }) => session.timeUs(shot, layer));
  const shots = sweep.shots.filter((shot) => shot.category === "attention");
  return roundsTask(sweep, shots, options, adaptive, {
    lastChoice: 3,
    rounds: () =>
      attentionRounds(shots, kernel, {
        ...designOf(adaptive, shots.length),
        ...prior && { prior },
        layers,
        known: timesOf,
      }),
    timesOf,
    due: (asked) => asked.filter((shot) => isDue(shot, options)),
    found({ rows, estimated, errors, prior }): RoundEstimate {
      session.estimate(tp, byShot(estimated, layers.length));
      const counts = {
        measured: (rows.length - estimated.length) / layers.length,
        estimated: estimated.length / layers.length,
      };
      return {
        category: "attention",
        tp,
        ...counts,
        errors,
        scatter: session.scatter(tp, "attention"),
        prior,
        skew: [],
      };
    },
  });
}

/** Predicted rows, those of a shot's kernels together, with the largest of their errors. */
function byShot(rows: readonly PredictedRow[], kernels: number): Estimate[] {
  return Array.from({ length: rows.length / kernels }, (_, shot) => {
    const own = rows.slice(shot * kernels, (shot + 1) * kernels);
    return {
      key: own[0]!.key,
      expectedError: Math.max(...own.map(({ expectedError }) => expectedError)),
      rows: own,
    };
  });
}

function skewTask(sweep: Sweep, options: ExecuteOptions, adaptive: AdaptiveOptions): AdaptiveTask {
  const { session, kernel, prior } = adaptive;
  const { tp } = sweep;
  const { retryFailed = false } = options;
  const cases = sweep.shots.filter((shot) => shot.category === "skew");
  const mode = options.session.skewMode ?? "interpolated";
  return roundsTask(sweep, cases, options, adaptive, {
    lastChoice: 4,
    rounds: () =>
      skewRounds(cases, session.attention(tp), kernel, {
        ...designOf(adaptive, cases.length),
        ...prior && { prior },
        known: (shot) => session.timeUs(shot),
      }),
    timesOf: (shot) => [session.timeUs(shot)],
    due: (asked) =>
      dueSkew(asked, { session: options.session, mode, again: false, retryFailed, promised: () => false }),
    isEnough(found): boolean {
      const { target } = adaptive;
      return target !== null && "error" in target &&
        isFitEnough(found, target.error, tp, session.attention(tp));
    },
    found({ measured, predicted, imagined, errors, prior }): RoundEstimate {
      const counts = { measured: measured.length, estimated: predicted.length };
      return {
        category: "skew",
        tp,
        ...counts,
        errors,
        scatter: session.scatter(tp, "skew"),
        prior,
        skew: [...predicted, ...imagined],
      };
    },
  });
}

/**
 * Whether more cases would hardly make the alphas better: the fit's error on unseen cases is what was asked for, or
 * so much larger than that of the predicted times that the table of alphas is the limit.
 */
function isFitEnough(
  { measured, predicted, errors }: Pick<AdaptedSkew, "measured" | "predicted" | "errors">,
  error: number,
  tp: number,
  attention: readonly Row[],
): boolean {
  const { report } = fitSkew({
    method: "shrinkage",
    rowsByTp: new Map([[tp, measured]]),
    predictedByTp: new Map([[tp, predicted]]),
    attentionByTp: new Map([[tp, attention]]),
  });
  const unseen = report.get(tp)?.out_of_sample?.k_fold.all?.rel_err_p90 ?? Infinity;
  return unseen <= error || errors.p90.upper <= LIMITING * unseen;
}
