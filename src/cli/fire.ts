/**
 * `shotlab fire`.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { RunEvent } from "../events.ts";
import { firePlan } from "../run/fire_plan.ts";
import { resolveFlags } from "../settings.ts";
import { parsePlan, type Plan } from "../shots/plan_file.ts";
import { formatDuration } from "../progress/duration.ts";
import { type Flags, settingsAmong } from "./flags.ts";
import { showProgress } from "./progress.ts";
import { FAILED } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Fires a plan into a results file, or what such a file lacks of it.
 *
 * @param path The plan.
 * @param flags `out`: the results file; settings of what fires it.
 * @param terminal Where it is shown.
 * @returns The exit status: 1 when failed shots are left.
 * @throws {UsageError} when a setting or a file breaks a rule.
 */
export async function fireCommand(
  path: string,
  { out, ...flags }: Flags & { readonly out: string },
  terminal: Terminal,
): Promise<number> {
  const plan = await readPlan(path);
  const { model, hardware } = plan.header.settings;
  const settings = resolveFlags({ ...settingsAmong(flags), model, hardware }, terminal.env);
  const { signal } = terminal;
  const view = showProgress(terminal, settings.verbosity);
  const onLog = settings.verbosity === "verbose" ? { onLog: view.line } : {};
  let last: RunEvent | undefined;
  try {
    for await (const event of firePlan(plan, out, settings, { signal, ...onLog })) {
      view.event(event);
      last = event;
    }
  } finally {
    view.close();
  }
  if (last?.type !== "finished") throw new Error("The firing of a plan must end with the event finished");
  if (settings.verbosity !== "silent") {
    terminal.out(
      `The results are in ${out}; ${last.measured} shots measured in ${formatDuration(last.seconds)}\n`,
    );
  }
  if (last.failed.length === 0) return 0;
  terminal.err(`${last.failed.length} shots failed; --retry-failed fires them again\n`);
  return FAILED;
}

async function readPlan(path: string): Promise<Plan> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  return parsePlan(text.split("\n"), path);
}
