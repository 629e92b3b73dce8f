/**
 * Taking a results file into a bundle, line by line.
 *
 * @module
 */
import type { Booted, FireFact, ShotOutcome } from "../harness/harness.ts";
import type { BootedAnswer, DoneAnswer } from "../harness/protocol.ts";
import { fromPlanned } from "../settings/recorded.ts";
import type { Limits } from "../shots/limits.ts";
import type { Shot } from "../shots/shot.ts";
import { identityOf } from "../journal/identity.ts";
import { recordOutcome } from "../store/store_result.ts";
import type { OutcomeLine, ResultsHeader, ResultsLine, TimedHello } from "./results_line.ts";
import { runMeta } from "./run_meta.ts";
import { type SentinelJudge, sentinelJudge, sentinelTimeUs, usualDriftShare } from "../workers/sentinel.ts";
import { sentinelWatch } from "../workers/sentinel_watch.ts";
import type { Samples } from "../store/sink.ts";
import type { Session } from "../store/session.ts";
import { idOf, shotText } from "../shots/shot_id.ts";

/** Options of {@linkcode resultsReader}. */
export interface ResultsReaderOptions {
  /** Takes what engines came to, by tensor-parallel degree; one serves all files of a bundle. */
  readonly limitsByTp: Map<number, Limits>;
  /** Label of the hardware. */
  readonly hardware: string;
  /** Allows another identity than the bundle's. */
  readonly allowMixed: boolean;
  /** Share by which sentinels may move; null for what is usual for the quantity. */
  readonly driftShare: number | null;
  /** Hash of the source that ingests, in hex. */
  readonly source: string;
}

/** A file that is being taken in. */
export interface ResultsReader {
  /**
   * Takes the next line.
   *
   * @throws {UsageError} when the file's device differs from the bundle's, or the disk refuses.
   */
  take(line: ResultsLine): void;
  /** Takes in what was waiting for another line. */
  end(): void;
  /** Shots that were recorded. */
  readonly measured: number;
  /** Results that the bundle had no use for. */
  readonly known: number;
  /** Degrees whose attention rows or skew cases have changed. */
  readonly skewTps: ReadonlySet<number>;
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
}

/**
 * Begins to take a file in. What tells of shots that the bundle has (their states, sentinels and costs) is passed over
 * with them, so that a file may be taken in twice.
 *
 * @param session The bundle.
 * @param header The file's first line.
 * @param options Whose bundle it is, and what is allowed.
 * @returns The reader.
 */
export function resultsReader(
  session: Session,
  header: ResultsHeader,
  options: ResultsReaderOptions,
): ResultsReader {
  const { quantity, plan: { settings, architecture, overrides } } = header;
  const share = options.driftShare ?? usualDriftShare(quantity);
  const notices: string[] = [];
  const skewTps = new Set<number>();
  const watch = sentinelWatch();
  let judge: SentinelJudge = sentinelJudge(share);
  let measured = 0;
  let known = 0;
  // Since the last `done`: the recorded shots, to whose sweeps the cost belongs, and the last state.
  let recorded: Shot[] = [];
  let state: FireFact | undefined;
  // Whether a shot was recorded since the last sentinel.
  let unjudged = false;
  // How often the same samples of the same shot came.
  const seen = new Map<string, number>();
  // A sentinel whose verdict waits for the device's state after it.
  let held: { readonly shot: Shot; readonly samples: Samples } | undefined;
  // The last sentinel and state before the next shot that is recorded.
  let sentinelBefore: (() => void) | undefined;
  let stateBefore: { readonly fact: FireFact; readonly atS: number | null } | undefined;

  function hello({ atS, ...info }: TimedHello): void {
    const identity = identityOf(info, { ...settings, quantity });
    const { allowMixed } = options;
    const started = atS === null ? {} : { started: new Date(atS * 1000) };
    notices.push(...session.start({ identity, settings: { ...settings }, allowMixed, ...started }));
    judge = sentinelJudge(share);
    sentinelBefore = stateBefore = undefined;
    unjudged = false;
    const origin = {
      settings: { ...fromPlanned(settings), hardware: options.hardware, skipSkew: false },
      model: { id: settings.model, architecture },
      overrides: (tp: number) => overrides[tp] ?? {},
      variant: settings.variant,
      identity,
      startedAt: new Date(header.started),
      sourceSha256: options.source,
    };
    describe = (tp, booted): void => {
      options.limitsByTp.set(tp, booted.limits);
      session.describe((facts) => {
        const skipSkew = facts.skewTps.length === 0;
        const all = { ...origin, settings: { ...origin.settings, skipSkew } };
        return runMeta({ ...all, booted, limitsByTp: options.limitsByTp, previous: session.meta }, facts);
      });
    };
  }
  let describe: (tp: number, booted: Booted) => void = () => {};

  function judgeHeld(): void {
    if (held === undefined) return;
    const { shot, samples } = held;
    held = undefined;
    const clockMhz = watch.fired();
    const verdict = judge(shotText(idOf(shot)), sentinelTimeUs(samples), clockMhz);
    const write = (): void => session.sentinel(shot, { samples, clock_mhz: clockMhz, ...verdict });
    if (unjudged) write();
    else sentinelBefore = write;
    unjudged = false;
  }

  function outcome({ shot, outcome }: OutcomeLine): void {
    const again = isAgain(shot, outcome);
    const isNew = session.missing(shot).length > 0 &&
      (outcome.status === "measured" || !session.hasFailed(shot));
    if (!isNew && !again) {
      known++;
      return;
    }
    sentinelBefore?.();
    if (stateBefore !== undefined) session.note(stateBefore.fact, stateBefore);
    sentinelBefore = stateBefore = undefined;
    const event = recordOutcome(session, shot, outcome, { again: false });
    recorded.push(shot);
    if (event.type !== "shot") return;
    measured++;
    unjudged = true;
    if (shot.category === "skew" || shot.category === "attention") skewTps.add(shot.tp);
  }

  /** Whether a result takes the place of one in doubt, and is not that one itself from a file that is taken in again. */
  function isAgain(shot: Shot, outcome: ShotOutcome): boolean {
    if (outcome.status !== "measured") return false;
    const text = shotText(idOf(shot)) + JSON.stringify(outcome.samples);
    const before = seen.get(text) ?? 0;
    seen.set(text, before + 1);
    return session.inDoubt(shot) && before >= session.doubted(shot, outcome.samples);
  }

  function done({ wall_us = 0, device_busy_us }: DoneAnswer): void {
    if (state !== undefined) watch.see(state);
    const sweeps = Map.groupBy(recorded, ({ tp, category }) => `${tp} ${category}`);
    for (const shots of sweeps.values()) {
      const { tp, category } = shots[0]!;
      const share = shots.length / recorded.length / 1e6;
      session.spend(
        tp,
        category,
        wall_us * share,
        device_busy_us === undefined ? null : device_busy_us * share,
      );
    }
    recorded = [];
    state = undefined;
    judgeHeld();
  }

  return {
    take(line): void {
      if (line.type !== "done" && line.type !== "state") judgeHeld();
      switch (line.type) {
        case "hello":
          return hello(line);
        case "booted":
          return describe(line.tp, withoutType(line));
        case "kernels":
          return session.note(line);
        case "state": {
          const { seq: _, atS, ...fact } = line;
          state = fact;
          if (unjudged) session.note(fact, { atS });
          else stateBefore = { fact, atS };
          return;
        }
        case "done":
          return done(line);
        case "outcome":
          if (!line.sentinel) outcome(line);
          else if (line.outcome.status === "measured") {
            held = { shot: line.shot, samples: line.outcome.samples };
          } else notices.push(`the sentinel ${shotText(idOf(line.shot))} failed: ${line.outcome.message}`);
      }
    },
    end: judgeHeld,
    get measured(): number {
      return measured;
    },
    get known(): number {
      return known;
    },
    skewTps,
    notices,
  };
}

function withoutType({ type: _, tp: __, ...booted }: BootedAnswer): Booted {
  return booted;
}
