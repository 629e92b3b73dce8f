/**
 * A sweep that is fired in rounds, each of which is chosen by what the ones before have told.
 *
 * @module
 */
import type { Answers } from "../adaptive/answers.ts";
import type { AttentionLayer } from "../adaptive/attention.ts";
import type { Round } from "../adaptive/design.ts";
import type { AttentionKernel } from "../adaptive/layout.ts";
import type { PriorTable } from "../adaptive/prior.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { AdaptiveTarget } from "../settings.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import { type AttentionShot, type Shot, shotKey, type SkewShot } from "../shots/shot.ts";
import { type Budget, type CutSweep, notEnough } from "./budget.ts";
import type { EstimatedEvent } from "../events.ts";
import type { ExecuteOptions } from "./execute.ts";
import { shuffled } from "./firing_order.ts";
import type { Session } from "../store/session.ts";
import { type Extent, skewProblem, type Step, type SweepTask } from "./sweep_task.ts";

/** How a part of the shots is chosen. */
export interface AdaptiveOptions {
  /** When there are enough; null for when the budget is spent. */
  readonly target: AdaptiveTarget | null;
  /** Model and device. */
  readonly kernel: AttentionKernel;
  /** The kernels of attention; skew cases are about the one whose rows name none. */
  readonly layers: readonly AttentionLayer[];
  /** Seed of every draw. */
  readonly seed: number;
  /** Attention times of other bundles to lean on. */
  readonly prior?: readonly PriorTable[];
  /** Time that the degree may take; the first rounds are fired in any case. */
  readonly budget?: Budget;
  /** Knows what was measured, and shows what is predicted. */
  readonly session: Pick<Session, "timeUs" | "attention" | "estimate" | "scatter">;
  /** Takes what is known of a sweep after each round. */
  readonly onEstimate: (found: RoundEstimate) => void;
}

/** What is known of a sweep after a round. */
export interface RoundEstimate extends Omit<EstimatedEvent, "type"> {
  /** Skew cases with a predicted time, also of cases that no sweep has: alphas are fitted to them too. */
  readonly skew: readonly SkewRow[];
}

/** A sweep that is fired in rounds. */
export interface AdaptiveTask extends SweepTask {
  /** What the budget has cut off, null when it has not. */
  readonly cut: CutSweep | null;
}

/** Shots without which others cannot be predicted. */
const LEAST_SHOTS = 100;

/**
 * When a design ends.
 *
 * @param adaptive How a part is chosen.
 * @param count Shots of the sweep.
 * @returns The options of the design; a share is raised to what others can be predicted from.
 */
export function designOf(
  { target, seed }: Pick<AdaptiveOptions, "target" | "seed">,
  count: number,
): { shots?: number; error?: number; seed: number } {
  if (target === null) return { seed };
  return "error" in target ? { ...target, seed } : { shots: shareOf(target, count), seed };
}

function shareOf({ shots }: { readonly shots: number }, count: number): number {
  return Math.min(1, Math.max(shots, LEAST_SHOTS / count));
}

/** Shots that are fired before it is asked for how many a budget is enough. */
const FIRST = 10;

/** Seconds after which a budget is asked again within a round: shots may have become slower. */
const PIECE_S = 10;

/** The share of the first round that is fired whatever the budget says: others cannot be predicted from fewer. */
const LEAST_OF_FIRST = 0.6;

/**
 * Of sweeps with more shots all are predicted and shown after the first round and at the end, between these only where
 * it took at most this share of the firing since.
 */
const MANY = 20_000;
const SHOWING_SHARE = 0.1;

/** What differs between attention and skew. */
export interface Kind<S, F> {
  /** How long the last predictions take, as a multiple of the slowest choice before them: it is kept of a budget. */
  readonly lastChoice: number;
  /** The rounds of the design. */
  readonly rounds: () => Generator<Round<readonly S[], F>, F, Answers>;
  /** The measured times of a shot's kernels, null for those that were not measured. */
  readonly timesOf: (shot: S) => Answers;
  /** Those of some shots that are to be fired. */
  readonly due: (shots: readonly S[]) => readonly S[];
  /** Whether what was found out is enough, whatever the target says. */
  readonly isEnough?: (found: F) => boolean;
  /** What was found out, shown in the bundle. */
  readonly found: (found: F) => RoundEstimate;
}

/**
 * Makes the task of a sweep that is fired in rounds.
 *
 * @param sweep The sweep.
 * @param shots Its shots.
 * @param options What is known of them, and in which order they are fired.
 * @param adaptive How a part is chosen.
 * @param kind What differs between attention and skew.
 * @returns The task.
 */
export function roundsTask<S extends AttentionShot | SkewShot, F>(
  sweep: Sweep,
  shots: readonly S[],
  options: ExecuteOptions,
  { target, budget, onEstimate }: AdaptiveOptions,
  kind: Kind<S, F>,
): AdaptiveTask {
  const { category } = sweep;
  const curve: { fired: number; error: number; atS: number }[] = [];
  let cut: CutSweep | null = null;
  let isCut = false;
  let fired = 0;
  let firingS = 0;
  let slowestS = 0;
  const nowMs = budget?.nowMs ?? ((): number => performance.now());
  function* fire(due: readonly S[]): Generator<Step> {
    const begun = nowMs();
    yield { type: "fire", shots: typeof options.seed === "number" ? shuffled(due, options.seed) : due };
    const seconds = (nowMs() - begun) / 1000;
    budget?.spend(category, { seconds, shots: due.length });
    firingS += seconds;
  }
  /** Chooses or predicts, and keeps the time that the last predictions will take. */
  const think = <T>(work: () => T): T => {
    const begun = nowMs();
    const done = work();
    const seconds = (nowMs() - begun) / 1000;
    slowestS = Math.max(slowestS, seconds);
    budget?.think(seconds);
    budget?.reserve(category, kind.lastChoice * slowestS);
    return done;
  };
  let shown: { readonly atS: number; readonly tookS: number } | null = null;
  const isWorthShowing = (): boolean =>
    shown === null || kind.isEnough !== undefined || shots.length <= MANY ||
    shown.tookS <= SHOWING_SHARE * (firingS - shown.atS);
  const inOnePiece = (): number => {
    const pace = budget?.pace(category) ?? null;
    return pace === null ? Infinity : Math.ceil(PIECE_S / pace);
  };
  return {
    sweep,
    extent(): Extent {
      const share = target !== null && "shots" in target ? shareOf(target, shots.length) : 1;
      const planned = Math.round(share * shots.length);
      const measured = shots.filter((shot) => !kind.timesOf(shot).includes(null)).length;
      return { planned, done: Math.min(planned, measured) };
    },
    problem: () => skewProblem(sweep, options),
    *steps(): Generator<Step> {
      const rounds = kind.rounds();
      let step = think(() => rounds.next());
      while (!step.done) {
        const { shots: asked, isLast, errors, found } = step.value;
        if (errors !== null) curve.push({ fired, error: errors.p90.estimate, atS: firingS });
        let isEnough: boolean | undefined = false;
        if (found !== null && isWorthShowing()) {
          const begun = nowMs();
          const known = think(found);
          const told = think(() => kind.found(known));
          shown = { atS: firingS, tookS: (nowMs() - begun) / 1000 };
          onEstimate(told);
          isEnough = think(() => kind.isEnough?.(known));
        }
        if (errors !== null) yield { type: "pause" };
        if (isEnough) {
          step = think(() => rounds.next([]));
          continue;
        }
        if (budget?.pace(category) === null) {
          yield* fire(kind.due(asked).slice(0, FIRST));
          const message = notEnough(budget, sweep, kind.due(shots).length);
          if (message !== null) yield { type: "notice", message };
        }
        let open = kind.due(asked);
        const spared = found === null ? Math.floor((1 - LEAST_OF_FIRST) * asked.length) : open.length;
        while (open.length > 0) {
          const affordable = Math.max(open.length - spared, budget?.affords(category) ?? Infinity);
          const due = open.slice(0, Math.min(affordable, inOnePiece()));
          if (due.length === 0) break;
          yield* fire(due);
          open = open.slice(due.length);
        }
        const taken = upTo(asked, open[0]);
        isCut ||= taken.length < asked.length;
        fired += taken.length;
        if (isLast) yield { type: "fired" };
        step = think(() => rounds.next(taken.flatMap(kind.timesOf)));
      }
      const found = step.value;
      const last = think(() => kind.found(found));
      budget?.reserve(category, 0);
      onEstimate(last);
      const { skew: _, ...told } = last;
      if (isCut) {
        cut = { category, fired, left: shots.length - fired, error: told.errors.p90.estimate, curve };
      }
      yield { type: "estimated", ...told };
    },
    get gain(): number {
      const [before, last] = [curve.at(-2), curve.at(-1)];
      if (before === undefined || last === undefined) return Infinity;
      return (before.error - last.error) / Math.max(1e-3, last.atS - before.atS);
    },
    get cut(): CutSweep | null {
      return cut;
    },
  };
}

/** The shots that a round asks for, up to the first for which there is no time. */
function upTo<S extends Shot>(asked: readonly S[], end: S | undefined): readonly S[] {
  if (end === undefined) return asked;
  const text = shotKey(end).join();
  return asked.slice(0, asked.findIndex((shot) => shotKey(shot).join() === text));
}
