/**
 * `shotlab profile`.
 *
 * @module
 */
import type { Command } from "commander";
import { profile } from "../../run/profile.ts";
import { GROUPS } from "../../settings/table.ts";
import { examples, type Run, settingsOf } from "../command.ts";
import { addFlags, type Flags, PRESETS_HELP, SETTINGS_HELP } from "../flags.ts";
import { runAndReport } from "../run_and_report.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  addFlags(command, GROUPS)
    .description(
      "Measures a model's layers on this hardware into a bundle; resumes from what the bundle has.",
    )
    .addHelpText("after", PRESETS_HELP)
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText(
      "after",
      examples(
        "profile --model meta-llama/Llama-3.1-8B --hardware H100 --tp-degrees 1,2,4",
        "profile --model Qwen/Qwen3-0.6B --hardware MY-ESTIMATE --harness roofline:H100 --preset quick",
      ),
    )
    .action((flags: Flags) =>
      run((terminal) => {
        const settings = settingsOf(flags, terminal);
        return runAndReport((options) => profile(settings, options), settings.verbosity, terminal);
      })
    );
}
