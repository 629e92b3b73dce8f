/**
 * `shotlab ingest`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { plural } from "../../count_text.ts";
import { firedPlan, ingest } from "../../run/ingest.ts";
import { resolveFlags } from "../../settings.ts";
import { SETTINGS } from "../../settings/table.ts";
import { examples, type Run } from "../command.ts";
import { addFlags, type Flags, settingsAmong } from "../flags.ts";
import { FAILED } from "../report_error.ts";
import { summarize } from "../summary.ts";
import type { Terminal } from "../terminal.ts";

/** Settings that the journals say, and those of runs. */
const OF_THE_JOURNALS = [
  ...["model", "tpDegrees", "dtype", "kvCacheDtype", "variant", "revision"] as const,
  ...["measurementIterations", "quantity", "clock", "precision", "seed"] as const,
  ...["sentinelS", "sustainS", "sustainShots"] as const,
  ...["force", "yes", "exactGrid", "retryFailed", "configDir"] as const,
];

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Makes or extends the bundle that journals of fired plans are for; exits with 1 when shots of it failed or are " +
        "in doubt.",
    )
    .addArgument(new Argument("<results...>", "The journals of fired plans, or results files, in any order"));
  addFlags(command, ["What to measure", "Measurement", "Run", "Files"], OF_THE_JOURNALS)
    .addHelpText("after", examples("ingest journal.jsonl --perf-dir perf"))
    .action((files: string[], flags: Flags) => run((terminal) => ingestFiles(files, flags, terminal)));
}

/** Makes or extends a bundle of journals of fired plans and says what came of it. */
async function ingestFiles(
  files: readonly string[],
  flags: Flags,
  terminal: Pick<Terminal, "out" | "err" | "env">,
): Promise<number> {
  const { model, hardware } = (await firedPlan(files[0]!)).plan.settings;
  const named = flags.hardware ?? (terminal.env[SETTINGS.hardware.env] || hardware);
  const settings = resolveFlags({ ...settingsAmong(flags), model, hardware: named }, terminal.env);
  const { bundle, measured, known, failed, inDoubt, notices } = await ingest(files, settings);
  for (const notice of notices) terminal.err(`Note: ${notice}\n`);
  if (settings.verbosity !== "silent") {
    const passed = known === 0 ? "" : `, ${plural(known, "result was", "results were")} known already`;
    terminal.out(
      `The bundle is in ${bundle.dir}; ${plural(measured, "shot")} taken in${passed}\n\n${
        summarize(bundle)
      }\n`,
    );
  }
  if (failed.length > 0) {
    terminal.err(`${plural(failed.length, "shot failed and has", "shots failed and have")} no row\n`);
  }
  if (inDoubt > 0) {
    terminal.err(
      `${
        plural(inDoubt, "shot is", "shots are")
      } in doubt: a device drifted, or nothing says that it did not; fire the plan on and ingest ` +
        `again, or with --accept-speed if the speed of these files is the right one\n`,
    );
  }
  return failed.length > 0 || inDoubt > 0 ? FAILED : 0;
}
