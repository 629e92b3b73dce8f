/**
 * `shotlab fit`.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import { dirname } from "node:path";
import { CONFIG_DIR } from "../../config_dir.ts";
import type { SkewFit } from "../../bundle/meta_blocks.ts";
import { openBundle } from "../../bundle/open.ts";
import { SIMULATORS } from "../../bundle/simulator.ts";
import { UsageError, usageErrorOf } from "../../errors.ts";
import { refuseLinks } from "../../files/links.ts";
import { lockBundle } from "../../files/lock.ts";
import type { FitMethod } from "../../fit/fit_skew.ts";
import { reportLines } from "../../fit/report.ts";
import { tableText } from "../../view/table.ts";
import { loadModel } from "../../model/load_model.ts";
import { fitBundle, type FitReader } from "../../run/fit_bundle.ts";
import { examples, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/** How a bundle is fitted. */
type FitFlags = {
  readonly method: FitMethod;
  readonly simulator?: FitReader;
  readonly configDir: string;
};

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
    .addOption(
      new Option(
        "--simulator <name>",
        "Which one corrects by the fit: v1.2 in a form that August reads too, none where both are to load the " +
          "bundle and neither to correct; without it as the bundle's fit is",
      ).choices([...SIMULATORS, "none"]),
    )
    .option("--config-dir <folder>", "Where architectures and models are, for v1.2", CONFIG_DIR)
    .addOption(verboseFlag())
    .addHelpText("after", examples("fit perf/H100/meta-llama/Llama-3.1-8B/bf16 --simulator v1.2"))
    .action((dir: string, flags: FitFlags) => run((terminal) => fitAndReport(dir, flags, terminal)));
}

/** Fits the alphas of a bundle anew and prints their errors. */
async function fitAndReport(
  dir: string,
  { method, simulator, configDir }: FitFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  if (!await Deno.stat(dir).then(({ isDirectory }) => isDirectory, () => false)) {
    throw new UsageError(`Cannot fit ${dir}: there is no such folder`);
  }
  await refuseLinks(dirname(dir), dir);
  using _lock = await lockBundle(dir);
  const { meta: { model } } = await openBundle(dir);
  const known = model === undefined
    ? null
    : await loadModel(model, { configDir, download: false }).catch(usageErrorOf);
  if (simulator === "v1.2" && known instanceof Error) throw known;
  const { block, report } = await fitBundle(dir, {
    method,
    simulator,
    ...known !== null && !(known instanceof Error) && { model: known },
  });
  if (report.size === 0 && !block.enabled) {
    terminal.out(`${dir}: there is no case with an alpha to fit; skew_fit is off\n`);
    return 0;
  }
  const lines = [...report].map(([tp, errors]) => [`tp ${tp}`, errors] as const);
  if (lines.length > 0) {
    const table = reportLines(lines).map(({ method: _, inSample, kFold, onePcLeftOut, ...line }) => ({
      ...line,
      "in sample": short(inSample),
      "k-fold": short(kFold),
      "one pc left out": short(onePcLeftOut),
    }));
    terminal.out(
      `Relative errors of ${lines[0]?.[1].method} in %, median/90%/99%:\n\n${
        tableText(table, { rows: Infinity })
      }\n\n`,
    );
  }
  terminal.out(`${readerSentence(block)}\n`);
  const { meta } = await openBundle(dir);
  if (Object.values(meta.adaptive?.per_tp ?? {}).some(({ skew }) => skew !== undefined)) {
    terminal.out(
      "\nThe adaptive run had predicted cases for its fit too, this one has the measured cases alone; the same run " +
        "again brings its fit back\n",
    );
  }
  return 0;
}

function short(figures: string): string {
  return figures.replaceAll(" / ", "/");
}

function readerSentence({ enabled, kept, calibrated_for: version, per_tp = {} }: SkewFit): string {
  if (!enabled) return `The fit is kept and off: ${kept}`;
  return version === undefined
    ? "August corrects by the fit; v1.2 refuses the bundle with it"
    : `${
      Object.values(per_tp).every((entry) => "alpha_by_bucket" in entry)
        ? "Both simulators correct by their fits"
        : "v1.2 corrects by the fit, August refuses it"
    }; ` +
      `v1.2's is for ${version}, another version refuses it as stale`;
}
