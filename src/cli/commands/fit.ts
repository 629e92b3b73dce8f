/**
 * `shotlab fit`.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import { dirname } from "node:path";
import { openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { refuseLinks } from "../../files/links.ts";
import { lockBundle } from "../../files/lock.ts";
import type { FitMethod } from "../../fit/fit_skew.ts";
import { formatReports } from "../../fit/report.ts";
import { fitBundle } from "../../run/fit_bundle.ts";
import { type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Fits the alphas anew: rewrites skew_fit.csv and the block of meta.yaml, prints the errors.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(
      new Option("--method <name>", "How").choices(["reference", "shrinkage"]).default("shrinkage"),
    )
    .addOption(verboseFlag())
    .action((dir: string, { method }: { method: FitMethod }) =>
      run((terminal) => fitAndReport(dir, method, terminal))
    );
}

/** Fits the alphas of a bundle anew and prints their errors. */
async function fitAndReport(
  dir: string,
  method: FitMethod,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  if (!await Deno.stat(dir).then(({ isDirectory }) => isDirectory, () => false)) {
    throw new UsageError(`Cannot fit ${dir}: there is no such folder`);
  }
  await refuseLinks(dirname(dir), dir);
  using _lock = await lockBundle(dir);
  const { block, report } = await fitBundle(dir, { method });
  if (!block.enabled) {
    terminal.out(`${dir}: there is no case with an alpha to fit; skew_fit is off\n`);
    return 0;
  }
  const lines = [...report].map(([tp, errors]) => [`tp ${tp}`, errors] as const);
  terminal.out(`Relative errors in %, median / 90% / 99%:\n\n${formatReports(lines)}\n`);
  const { meta } = await openBundle(dir);
  if (Object.values(meta.adaptive?.per_tp ?? {}).some(({ skew }) => skew !== undefined)) {
    terminal.out(
      "\nThe adaptive run had predicted cases for its fit too, this one has the measured cases alone; the same run " +
        "again brings its fit back\n",
    );
  }
  return 0;
}
