/**
 * What the commands that measure have in common: progress while they run, a summary after.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import { plural } from "../count_text.ts";
import type { RunEvent } from "../events.ts";
import type { ProfileOptions } from "../run/profile.ts";
import type { Settings } from "../settings.ts";
import { shellWord } from "../settings/argv.ts";
import { formatDuration } from "../progress/duration.ts";
import { showProgress } from "./progress.ts";
import { FAILED } from "./report_error.ts";
import { summarize } from "./summary.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs a measurement, shows it, and says where the bundle is, what is in it and what to do next.
 *
 * @param measure The measurement.
 * @param verbosity How much is told.
 * @param terminal Where it is told.
 * @param closing What follows the table; its exit status counts when no shot failed or is in doubt.
 * @param options `doubtFails`: whether shots in doubt end it with 1, as a script must see.
 * @returns The exit status: 1 when failed shots are left, or shots in doubt.
 */
export async function runAndReport(
  measure: (options: ProfileOptions) => Promise<Bundle>,
  verbosity: Settings["verbosity"],
  terminal: Terminal,
  closing: (bundle: Bundle) => Promise<number> = (bundle) => nextStep(bundle, verbosity, terminal),
  { doubtFails = true }: { readonly doubtFails?: boolean } = {},
): Promise<number> {
  const view = showProgress(terminal, verbosity);
  const ends: Extract<RunEvent, { type: "finished" }>[] = [];
  let bundle: Bundle;
  try {
    bundle = await measure({
      signal: terminal.signal,
      ...terminal.confirm && { confirm: terminal.confirm },
      onEvent(event): void {
        view.event(event);
        if (event.type === "finished") ends.push(event);
      },
      ...(verbosity === "verbose" ? { onLog: view.line } : {}),
    });
  } finally {
    view.close();
  }
  const { measured, seconds, failed, inDoubt } = ends.at(-1)!;
  if (verbosity !== "silent") {
    const predicted = bundle.tps.reduce((sum, tp) => sum + bundle.estimated(tp).length, 0);
    const words = `${plural(measured, "shot")} measured in ${formatDuration(seconds)}` +
      (predicted > 0
        ? `, ${plural(predicted, "row of attention is", "rows of attention are")} predicted`
        : "");
    terminal.out(`\nThe bundle is in ${bundle.dir}; ${words}\n\n${summarize(bundle)}\n`);
  }
  const status = await closing(bundle);
  if (failed.length > 0) {
    terminal.err(
      `${
        plural(failed.length, "shot failed and has", "shots failed and have")
      } no row; --retry-failed fires ${failed.length === 1 ? "it" : "them"} again\n`,
    );
  }
  if (inDoubt > 0) terminal.err(doubtText(inDoubt));
  return failed.length > 0 || (doubtFails && inDoubt > 0) ? FAILED : status;
}

/**
 * Says what can be done about shots in doubt.
 *
 * @param shots How many there are.
 * @returns The sentence, with its line's end.
 */
export function doubtText(shots: number): string {
  return `${
    plural(shots, "shot is", "shots are")
  } in doubt: the device drifted, or nothing says that it did not; ` +
    `the same command measures ${
      shots === 1 ? "it" : "them"
    } again when it is back, --accept-speed takes its present speed for the right one\n`;
}

/**
 * Names the command that checks a bundle.
 *
 * @param bundle The bundle.
 * @param verbosity How much is told.
 * @param terminal Where it is told.
 * @returns The exit status.
 */
export function nextStep(
  { dir }: Bundle,
  verbosity: Settings["verbosity"],
  terminal: Terminal,
): Promise<number> {
  if (verbosity !== "silent") terminal.out(`Next, check it:  deno task shotlab validate ${shellWord(dir)}\n`);
  return Promise.resolve(0);
}
