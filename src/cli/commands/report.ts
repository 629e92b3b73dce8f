/**
 * `shotlab report`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { writeAtomic } from "../../files/write.ts";
import { loadModel } from "../../model/load_model.ts";
import type { Model } from "../../model/model.ts";
import { bundleReport, comparisonReport } from "../../view/report/report.ts";
import { type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/** What the command takes beside the bundles: the file to write, and where models are. */
type ReportFlags = { readonly out: string; readonly configDir: string };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Writes a bundle's figures and findings, or those of two bundles side by side, as one HTML file.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addArgument(new Argument("[other]", "A bundle to compare it with"))
    .requiredOption("--out <file>", "The report, HTML")
    .option("--config-dir <folder>", "Where models are, for whole iterations", "configs")
    .addOption(verboseFlag())
    .action((dir: string, other: string | undefined, flags: ReportFlags) =>
      run((terminal) => writeReport(other === undefined ? [dir] : [dir, other], flags, terminal))
    );
}

/** Writes the report of a bundle, or of two side by side, as one HTML file. */
async function writeReport(
  dirs: readonly [dir: string, other?: string],
  { out, configDir }: ReportFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const [dir, other] = dirs;
  const bundle = await openBundle(dir);
  if (other !== undefined) {
    const second = await openBundle(other);
    const [a, b] = await Promise.all(
      [bundle, second].map(({ meta }) => knownModel(meta.model ?? "", configDir)),
    );
    await writeAtomic(out, await comparisonReport(bundle, second, a && b ? [a, b] : undefined));
    terminal.out(`The comparison is in ${out}\n`);
    return 0;
  }
  const model = await knownModel(bundle.meta.model ?? "", configDir);
  await writeAtomic(out, await bundleReport(bundle, model === null ? {} : { model }));
  const without = model === null ? `, without whole iterations: ${configDir} has no such model` : "";
  terminal.out(`The report is in ${out}${without}\n`);
  return 0;
}

/** A report can do without the model. */
async function knownModel(id: string, configDir: string): Promise<Model | null> {
  try {
    return await loadModel(id, { configDir, download: false });
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}
