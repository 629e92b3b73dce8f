/**
 * Turns the signals that ask a process to end into an abort.
 *
 * @module
 */

/** Exit status of a command that was cancelled. */
export const CANCELLED = 130;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Aborts at the first signal, so that what was measured is kept, and exits at once at the second.
 *
 * @param say Tells the user what a second signal would do.
 * @returns A signal that aborts at the first.
 */
export function abortOnInterrupt(say: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) Deno.exit(CANCELLED);
    say("\nStopping; what was measured is being saved. Once more to leave at once.\n");
    controller.abort();
  };
  for (const name of SIGNALS) Deno.addSignalListener(name, stop);
  return controller.signal;
}
