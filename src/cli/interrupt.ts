/**
 * Turns the signals that ask a process to end into an abort.
 *
 * @module
 */
import { watchChildren } from "../harness/child.ts";

/** Exit status of a command that was cancelled. */
export const CANCELLED = 130;

/** What a cancelled command says at last. */
export const CANCELLED_TEXT = "Cancelled; the same command resumes from what was measured\n";

/** Ends a cancelled command that does not resume; its message says what was kept, and what the same command does. */
export class Cancelled extends Error {
  /** The class's name. */
  override name = "Cancelled";
}

/**
 * Runs work of a command that does not resume.
 *
 * @param signal The command's signal.
 * @param lastWords What is said when it is cancelled: what was kept, and what the same command does.
 * @param work The work.
 * @returns What the work gives.
 * @throws {Cancelled} in place of what the work throws once the signal is aborted.
 */
export async function withLastWords<T>(
  signal: AbortSignal,
  lastWords: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (signal.aborted) throw new Cancelled(lastWords, { cause });
    throw cause;
  }
}

/** What the watch tells us: that it listens, to stop, to leave at once, or to say whether we hear it. */
export type WatchMessage = "listening" | "stop" | "leave" | "ask";

/** What we tell the watch: that its message was heard, or what it needs to end us. */
export type WatchedMessage = "heard" | {
  /** The process groups that would outlive us. */
  readonly groups: readonly number[];
  /** What is said then. */
  readonly lastWords: string;
};

/**
 * Aborts at the first signal, so that what was measured is kept, and exits at once at the second.
 *
 * Signals arrive at a thread of their own: a long computation does not hear them. It is ended, with all children, when it
 * goes on for longer than a second; nothing is lost by that, as what was measured is in the journal.
 *
 * @param say Tells the user what a second signal would do.
 * @param watch The thread. @default one that hears this process's signals
 * @param exit Ends the process. @default {Deno.exit}
 * @returns A signal that aborts at the first, once the thread listens; until then a signal ends the process itself.
 */
export async function abortOnInterrupt(
  say: (text: string) => void,
  watch: Pick<Worker, "postMessage" | "onmessage"> = new Worker(
    new URL("./interrupt_watch.ts", import.meta.url),
    { type: "module" },
  ),
  exit: (status: number) => void = Deno.exit,
): Promise<AbortSignal> {
  const controller = new AbortController();
  const tell = (message: WatchedMessage): void => watch.postMessage(message);
  const listens = Promise.withResolvers<void>();
  watch.onmessage = ({ data }: MessageEvent<WatchMessage>): void => {
    if (data === "listening") return listens.resolve();
    if (data === "leave") return exit(CANCELLED);
    tell("heard");
    if (data === "ask") return;
    say("\nStopping; what was measured is being saved. Once more to leave at once.\n");
    controller.abort();
  };
  watchChildren((groups) => tell({ groups, lastWords: CANCELLED_TEXT }));
  await listens.promise;
  return controller.signal;
}
