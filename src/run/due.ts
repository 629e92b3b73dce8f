/**
 * Which shots are to be fired, and which batches of skew cases.
 *
 * @module
 */
import type { Shot, SkewShot } from "../shots/shot.ts";
import { sharing, type SkewMode, type UniformBatch } from "../shots/skew_parts.ts";
import type { Recorder } from "../store/recorder.ts";

/** What decides whether a shot is fired. */
export interface DueOptions {
  /** Knows what was measured. */
  readonly session: Pick<Recorder, "missing" | "hasFailed" | "inDoubt" | "judge">;
  /** Fires all shots again. @default {false} */
  readonly again?: boolean;
  /** Fires the shots again that failed before. @default {false} */
  readonly retryFailed?: boolean;
}

/**
 * Whether a shot is to be fired.
 *
 * @param shot The shot.
 * @param options What is known of it, and what is fired again.
 * @returns Whether it is.
 */
export function isDue(
  shot: Shot,
  { session, again = false, retryFailed = false }: DueOptions,
): boolean {
  if (again || isWorthAgain(session, shot)) return true;
  return session.missing(shot).length > 0 && (retryFailed || !session.hasFailed(shot));
}

/**
 * Whether a shot is in doubt and measuring it again may settle it.
 *
 * @param session What is known of it, and of the device.
 * @param shot The shot.
 * @returns Whether it is; not as long as every device drifted.
 */
function isWorthAgain(session: Pick<Recorder, "judge" | "inDoubt">, shot: Shot): boolean {
  return session.inDoubt(shot) && !session.judge.allMoved;
}

/** What decides whether a case is fired. */
export interface SkewDueOptions {
  /** Knows what was measured. */
  readonly session: Pick<Recorder, "timed" | "missing" | "hasFailed" | "inDoubt" | "judge">;
  /** Where the times of uniform batches come from. */
  readonly mode: SkewMode;
  /** Fires all cases again; uniform batches that attention.csv has stand. */
  readonly again: boolean;
  /** Fires the cases again that failed before. */
  readonly retryFailed: boolean;
  /** Uniform batches that attention.csv is to have before the cases are fired. */
  readonly promised: (batch: UniformBatch) => boolean;
}

/**
 * Finds the cases to fire.
 *
 * @param shots The cases of the plan.
 * @param options What was measured, and what is to be measured before.
 * @returns The cases that lack a time, with the batches that no attention row and no earlier case gives.
 */
export function dueSkew(shots: readonly SkewShot[], options: SkewDueOptions): SkewShot[] {
  const { session, mode, again, retryFailed, promised } = options;
  const due: SkewShot[] = [];
  const tp = shots[0]?.tp ?? 1;
  const parts = sharing(mode, (batch) => promised(batch) || hasRow(session, tp, batch));
  for (const shot of shots) {
    if (!again && !retryFailed && session.hasFailed(shot)) continue;
    const open = { ...shot, parts: parts.open(shot) };
    const missing = again || isWorthAgain(session, shot) ? session.timed(open) : session.missing(open);
    const fired = open.parts.filter((part) => missing.includes(part));
    if (fired.length === 0) continue;
    parts.give(shot, fired);
    due.push({ ...shot, parts: fired });
  }
  return due;
}

/**
 * Finds the shots that are to be repeated without a pause.
 *
 * @param shots Those that were chosen for it.
 * @param session What was measured.
 * @returns Those that have times, and of which it is not known what a lasting load makes of them.
 */
export function dueSustained(
  shots: readonly Shot[],
  session: Pick<Recorder, "missing" | "hasSustained">,
): Shot[] {
  return shots.filter((shot) => !session.hasSustained(shot) && session.missing(shot).length === 0);
}

function hasRow(session: SkewDueOptions["session"], tp: number, batch: UniformBatch): boolean {
  const [prefill_chunk, kv_prefill, n_decode, kv_decode] = batch;
  const shot = { category: "attention", tp, prefill_chunk, kv_prefill, n_decode, kv_decode } as const;
  return session.missing(shot).length === 0;
}
