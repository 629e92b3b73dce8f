/**
 * Shows a run while it goes on: bars on a terminal that can move its cursor, lines elsewhere, warnings alone when asked for silence.
 *
 * @module
 */
import type { Settings } from "../settings.ts";
import { barProgress } from "./progress_bars.ts";
import { plainProgress } from "./progress_lines.ts";
import { warningOf } from "../progress/event_text.ts";
import type { View } from "./progress_view.ts";
import type { Terminal } from "./terminal.ts";

/** Failed shots that are told one by one; a run that fails throughout would tell nothing else. */
const MAX_FAILURES_TOLD = 10;

/**
 * Shows a run on standard error.
 *
 * @param terminal Where it is shown.
 * @param verbosity How much is told.
 * @param now The time, in milliseconds.
 * @returns The view.
 */
export function showProgress(
  terminal: Pick<Terminal, "err" | "errStream" | "env">,
  verbosity: Settings["verbosity"],
  now: () => number = () => performance.now(),
): View {
  const write = (text: string): void => terminal.err(`${text}\n`);
  const view = verbosity === "silent"
    ? silent(write)
    : terminal.errStream?.isTTY && terminal.env["TERM"] !== "dumb"
    ? barProgress(terminal.errStream, now)
    : plainProgress(write, now);
  let failures = 0;
  return {
    ...view,
    event(event): void {
      view.event(event);
      if (event.type === "failed-shot" && ++failures > MAX_FAILURES_TOLD) {
        if (failures === MAX_FAILURES_TOLD + 1) {
          view.line("Failed: more shots, which are counted from here on");
        }
        return;
      }
      const warning = warningOf(event);
      if (warning !== null) view.line(warning);
    },
  };
}

function silent(write: (text: string) => void): View {
  return { event: () => {}, line: write, close: () => {} };
}
