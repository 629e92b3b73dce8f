/**
 * Sweeps of which a part is fired, chosen in rounds, and the rest is predicted.
 *
 * @module
 */
import { attentionRounds } from "../adaptive/attention.ts";
import type { Answers } from "../adaptive/answers.ts";
import type { Round } from "../adaptive/design.ts";
import type { TableErrors } from "../adaptive/held_out.ts";
import type { AttentionKernel } from "../adaptive/layout.ts";
import { skewRounds } from "../adaptive/skew.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import type { AdaptiveTarget } from "../settings.ts";
import type { Sweep } from "../sweep/plan_sweeps.ts";
import { type AttentionShot, type Shot, shotKey, type SkewShot } from "../sweep/shot.ts";
import { type Budget, type CutSweep, moreWouldBuy } from "./budget.ts";
import type { EstimatedEvent } from "./events.ts";
import type { ExecuteOptions } from "./execute.ts";
import { shuffled } from "./firing_order.ts";
import type { Session } from "./session_types.ts";
import { dueSkew } from "./skew_due.ts";
import { type Extent, isDue, skewProblem, type Step, wholeWork, type Work } from "./work.ts";

/** How a part of the shots is chosen. */
export interface AdaptiveOptions {
  /** When there are enough; null for when the budget is spent. */
  readonly target: AdaptiveTarget | null;
  /** Model and device. */
  readonly kernel: AttentionKernel;
  /** Seed of every draw. */
  readonly seed: number;
  /** Attention rows of another bundle to lean on. */
  readonly prior?: readonly Row[];
  /** Time that firing may take; the first rounds are fired in any case. */
  readonly budget?: Budget;
  /** Knows what was measured, and shows what is predicted. */
  readonly session: Pick<Session, "timeUs" | "attention" | "estimate">;
  /** Takes what is known of a sweep after each round. */
  readonly onFound: (found: Found) => void;
}

/** What is known of a sweep after a round. */
export interface Found extends Omit<EstimatedEvent, "type"> {
  /** Skew cases with a predicted time. */
  readonly skew: readonly SkewRow[];
}

/** A sweep that is fired in rounds. */
interface AdaptiveWork extends Work {
  /** What the budget has cut off, null when it has not. */
  readonly cut: CutSweep | null;
}

/** Shots without which others cannot be predicted. */
const LEAST_SHOTS = 100;

/**
 * The works of a degree: small sweeps are fired as a whole, and first; of attention and skew a part is. With a budget
 * these two are fired side by side.
 *
 * @param options What to fire.
 * @param adaptive How a part is chosen.
 * @returns The works, those that are fired side by side together, and what is to be told in the end.
 */
export function adaptiveWorks(
  options: ExecuteOptions,
  adaptive: AdaptiveOptions,
): { works: Work[][]; conclusion: () => string | null } {
  const { sweeps } = options;
  const whole = sweeps.filter(({ category }) => category !== "attention" && category !== "skew");
  const parts = [
    ...sweeps.filter(({ category }) => category === "attention").map((sweep) =>
      attentionWork(sweep, options, adaptive)
    ),
    ...sweeps.filter(({ category }) => category === "skew").map((sweep) =>
      skewWork(sweep, options, adaptive)
    ),
  ];
  const { budget } = adaptive;
  const together = budget === undefined || parts.length === 0 ? parts.map((work) => [work]) : [parts];
  return {
    works: [...whole.map((sweep) => [wholeWork(sweep, options)]), ...together],
    conclusion: () =>
      budget === undefined || sweeps[0] === undefined
        ? null
        : moreWouldBuy(budget, sweeps[0].tp, parts.flatMap(({ cut }) => cut ?? [])),
  };
}

function attentionWork(sweep: Sweep, options: ExecuteOptions, adaptive: AdaptiveOptions): AdaptiveWork {
  const { session, kernel, prior } = adaptive;
  const { tp } = sweep;
  const shots = sweep.shots.filter((shot) => shot.category === "attention");
  return roundsWork(sweep, shots, options, adaptive, {
    rounds: () =>
      attentionRounds(shots, kernel, {
        ...designOf(adaptive, shots.length),
        ...prior && { prior },
        known: session.timeUs,
      }),
    due: (asked) => asked.filter((shot) => isDue(shot, options)),
    found({ rows, estimated, errors, prior }): Found {
      const times = new Map(rows.map(({ key, timeUs }) => [key.join(), timeUs]));
      session.estimate(
        tp,
        estimated.map((row) => ({ ...row, layer: null, timeUs: times.get(row.key.join())! })),
      );
      const counts = { measured: rows.length - estimated.length, estimated: estimated.length };
      return { category: "attention", tp, ...counts, errors, prior, skew: [] };
    },
  });
}

function skewWork(sweep: Sweep, options: ExecuteOptions, adaptive: AdaptiveOptions): AdaptiveWork {
  const { session, kernel } = adaptive;
  const { tp } = sweep;
  const { retryFailed = false } = options;
  const cases = sweep.shots.filter((shot) => shot.category === "skew");
  const mode = options.session.skewMode ?? "interpolated";
  return roundsWork(sweep, cases, options, adaptive, {
    rounds: () =>
      skewRounds(cases, session.attention(tp), kernel, {
        ...designOf(adaptive, cases.length),
        known: session.timeUs,
      }),
    due: (asked) =>
      dueSkew(asked, { session: options.session, mode, again: false, retryFailed, promised: () => false }),
    found({ measured, predicted, errors }): Found {
      const counts = { measured: measured.length, estimated: predicted.length };
      return { category: "skew", tp, ...counts, errors, prior: null, skew: predicted };
    },
  });
}

function designOf(
  { target, seed }: AdaptiveOptions,
  count: number,
): { shots?: number; error?: number; seed: number } {
  if (target === null) return { seed };
  return "error" in target ? { ...target, seed } : { shots: shareOf(target, count), seed };
}

function shareOf({ shots }: { readonly shots: number }, count: number): number {
  return Math.min(1, Math.max(shots, LEAST_SHOTS / count));
}

/** What differs between attention and skew. */
interface Kind<S, F> {
  readonly rounds: () => Generator<Round<readonly S[], F>, F, Answers>;
  /** Those of some shots that are to be fired. */
  readonly due: (shots: readonly S[]) => readonly S[];
  /** What was found out, shown in the bundle. */
  readonly found: (found: F) => Found;
}

function roundsWork<S extends AttentionShot | SkewShot, F>(
  sweep: Sweep,
  shots: readonly S[],
  options: ExecuteOptions,
  { target, session, budget, onFound }: AdaptiveOptions,
  kind: Kind<S, F>,
): AdaptiveWork {
  const { category } = sweep;
  const curve: { fired: number; error: number; atS: number }[] = [];
  let cut: CutSweep | null = null;
  let isCut = false;
  let fired = 0;
  let firingS = 0;
  return {
    sweep,
    extent(): Extent {
      const share = target !== null && "shots" in target ? shareOf(target, shots.length) : 1;
      const planned = Math.round(share * shots.length);
      const measured = shots.filter((shot) => session.timeUs(shot) !== null).length;
      return { planned, done: Math.min(planned, measured) };
    },
    problem: () => skewProblem(sweep, options),
    *steps(): Generator<Step> {
      const rounds = kind.rounds();
      let step = rounds.next();
      while (!step.done) {
        const { shots: asked, found } = step.value;
        if (found !== null) {
          const told = kind.found(found);
          onFound(told);
          curve.push({ fired, error: told.errors.p90.estimate, atS: firingS });
          // The error is known: another sweep may come first.
          yield { type: "fire", shots: [] };
        }
        const taken = affordable(asked, kind.due(asked), budget?.affords(category) ?? Infinity);
        isCut ||= taken.length < asked.length;
        const due = kind.due(taken);
        const begun = performance.now();
        yield { type: "fire", shots: typeof options.seed === "number" ? shuffled(due, options.seed) : due };
        const seconds = (performance.now() - begun) / 1000;
        budget?.spend(category, seconds, due.length);
        fired += taken.length;
        firingS += seconds;
        step = rounds.next(taken.map((shot) => session.timeUs(shot)));
      }
      const last = kind.found(step.value);
      onFound(last);
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

/** The first of the shots that a round asks for, with no more of them to fire than there is time for. */
function affordable<S extends Shot>(asked: readonly S[], due: readonly S[], most: number): readonly S[] {
  const end = due[most];
  if (end === undefined) return asked;
  const text = shotKey(end).join();
  return asked.slice(0, asked.findIndex((shot) => shotKey(shot).join() === text));
}
