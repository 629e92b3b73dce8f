/**
 * `shotlab fire`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { plural } from "../../count_text.ts";
import type { RunEvent } from "../../events.ts";
import { readText } from "../../files/read.ts";
import { formatDuration } from "../../progress/duration.ts";
import { firePlan } from "../../run/fire_plan.ts";
import { resolveFlags } from "../../settings.ts";
import { parsePlan } from "../../shots/plan_file.ts";
import { examples, type Run } from "../command.ts";
import { addFlags, type Flags, SETTINGS_HELP, settingsAmong } from "../flags.ts";
import { showProgress } from "../progress.ts";
import { FAILED } from "../report_error.ts";
import { doubtText } from "../run_and_report.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Fires what a journal lacks of a plan, on any harness; ingest makes a bundle of it.")
    .addArgument(new Argument("<plan>", "The plan, as the command plan writes it"))
    .optionsGroup("Files to read and write:")
    .requiredOption("--out <file>", "The journal, JSON Lines; resumed if it exists");
  addFlags(command, ["Measurement", "Engine", "Run"], [
    "measurementIterations",
    "precision",
    "seed",
    "sustainShots",
    "force",
    "yes",
    "exactGrid",
  ])
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText("after", examples("fire plan.jsonl --out journal.jsonl"))
    .action((path: string, flags: Flags & { out: string }) => run((terminal) => fire(path, flags, terminal)));
}

/** Fires a plan into a journal, or what such a file lacks of it; exits with 1 when shots failed or are in doubt. */
async function fire(
  path: string,
  { out, ...flags }: Flags & { readonly out: string },
  terminal: Terminal,
): Promise<number> {
  const plan = parsePlan((await readText(path)).split("\n"), path);
  const { model, hardware } = plan.header.settings;
  const settings = resolveFlags({ ...settingsAmong(flags), model, hardware }, terminal.env);
  const { signal } = terminal;
  const view = showProgress(terminal, settings.verbosity);
  const onLog = settings.verbosity === "verbose" ? { onLog: view.line } : {};
  let finished: Extract<RunEvent, { type: "finished" }> | undefined;
  try {
    for await (const event of firePlan(plan, out, settings, { signal, ...onLog })) {
      view.event(event);
      if (event.type === "finished") finished = event;
    }
  } finally {
    view.close();
  }
  const { measured, seconds, failed, inDoubt } = finished!;
  if (settings.verbosity !== "silent") {
    terminal.out(
      `The results are in ${out}; ${plural(measured, "shot")} measured in ${formatDuration(seconds)}\n`,
    );
  }
  if (failed.length > 0) {
    terminal.err(
      `${plural(failed.length, "shot")} failed; --retry-failed fires ${
        failed.length === 1 ? "it" : "them"
      } again\n`,
    );
  }
  if (inDoubt > 0) terminal.err(doubtText(inDoubt));
  return failed.length > 0 || inDoubt > 0 ? FAILED : 0;
}
