/**
 * The commands that fit a bundle's alphas and predict from it.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import type { FitMethod } from "../fit/fit_skew.ts";
import { type Run, verboseFlag } from "./declare.ts";
import { fitCommand } from "./fit.ts";
import { predictCommand } from "./predict.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Declares the commands that fit and predict.
 *
 * @param program What gets them.
 * @param run What runs a command.
 * @param terminal What a command has around it.
 */
export function addFitCommands(program: Command, run: Run, terminal: Terminal): void {
  program.command("fit")
    .summary("fit the alphas of a bundle's skew cases")
    .description("Fits the alphas anew: rewrites skew_fit.csv and the block of meta.yaml, prints the errors.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(
      new Option("--method <name>", "How").choices(["reference", "shrinkage"]).default("shrinkage"),
    )
    .addOption(verboseFlag())
    .action((dir: string, flags: { method: FitMethod }) => run(() => fitCommand(dir, flags, terminal)));

  program.command("predict")
    .summary("answer queries from a bundle, as a simulator would")
    .description("Answers each query of a file with a line of JSON; one that cannot be answered says why.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .requiredOption("--queries <file>", "The queries, JSON Lines")
    .option(
      "--config-dir <folder>",
      "Where architecture files are, for layers that no degree changes",
      "configs",
    )
    .addOption(verboseFlag())
    .action((dir: string, flags: { queries: string; configDir: string }) =>
      run(() => predictCommand(dir, flags, terminal))
    );
}
