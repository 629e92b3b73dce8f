/**
 * `shotlab refresh`.
 *
 * @module
 */
import { type Command, Option } from "commander";
import type { Bundle } from "../../bundle/open.ts";
import type { ProfileOptions } from "../../run/profile.ts";
import { refresh } from "../../run/refresh.ts";
import { GROUPS } from "../../settings/table.ts";
import { CATEGORY_ORDER, type SweepCategory } from "../../shots/shot.ts";
import { examples, positive, type Run, settingsOf } from "../command.ts";
import { addFlags, type Flags, PRESETS_HELP, SETTINGS_HELP } from "../flags.ts";
import { runAndReport } from "../run_and_report.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Measures one category of one tensor-parallel degree again; old rows are kept until they are replaced. " +
        "It takes the flags of the profile that measured the bundle; those that play no role here are ignored.",
    )
    .optionsGroup("What to measure again:")
    .requiredOption("--tp <n>", "Tensor-parallel degree", positive)
    .addOption(
      new Option("--category <name>", "Category").choices([...CATEGORY_ORDER, "skew"]).makeOptionMandatory(),
    );
  addFlags(command, GROUPS, [], ["tpDegrees", "adaptive", "budget", "prior", "force", "yes", "retryFailed"])
    .addHelpText("after", PRESETS_HELP)
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText(
      "after",
      examples("refresh --model meta-llama/Llama-3.1-8B --hardware H100 --tp 2 --category attention"),
    )
    .action(({ tp, category, ...flags }: Flags & { tp: number; category: SweepCategory }) =>
      run((terminal) => {
        const settings = settingsOf(flags, terminal);
        const again = (options: ProfileOptions): Promise<Bundle> =>
          refresh(settings, { tp, category }, options);
        return runAndReport(again, settings.verbosity, terminal);
      })
    );
}
