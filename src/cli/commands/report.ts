/**
 * `shotlab report`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { dirname } from "node:path";
import { CONFIG_DIR } from "../../config_dir.ts";
import { findBundles } from "../../bundle/find.ts";
import { openBundle } from "../../bundle/open.ts";
import { unlessMisused } from "../../errors.ts";
import { writeAtomic } from "../../files/write.ts";
import { loadModel } from "../../model/load_model.ts";
import type { Model } from "../../model/model.ts";
import { type IndexEntry, indexPage } from "../../view/report/index_page.ts";
import { bundleReport, comparisonReport } from "../../view/report/report.ts";
import { plural } from "../../count_text.ts";
import { examples, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/** What the command takes beside the bundles: the file to write, and where models are. */
type ReportFlags = { readonly out?: string; readonly configDir: string };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Writes a bundle's figures and findings, or those of two bundles side by side, as one HTML file; for a folder " +
        "of bundles, a report of each and an index page.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder, or one with bundles below it"))
    .addArgument(new Argument("[other]", "A bundle to compare it with"))
    .option(
      "--out <file>",
      "The report, HTML (default report.html in the bundle's folder, comparison.html in the second's, index.html in a folder of bundles)",
    )
    .option("--config-dir <folder>", "Where models are, for whole iterations", CONFIG_DIR)
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples(
        "report perf/H100/meta-llama/Llama-3.1-8B/bf16",
        "report perf/H100/meta-llama/Llama-3.1-8B/bf16 perf/H200/meta-llama/Llama-3.1-8B/bf16",
        "report perf",
      ),
    )
    .action((dir: string, other: string | undefined, flags: ReportFlags) =>
      run((terminal) => writeReport(other === undefined ? [dir] : [dir, other], flags, terminal))
    );
}

/** Writes the report of a bundle, or of two side by side, as one HTML file. */
async function writeReport(
  dirs: readonly [dir: string, other?: string],
  flags: ReportFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const { configDir } = flags;
  const [dir, other] = dirs;
  if (other === undefined && await isFolderOfBundles(dir)) return await writeIndex(dir, flags, terminal);
  const bundle = await openBundle(dir);
  if (other !== undefined) {
    const out = flags.out ?? `${other}/comparison.html`;
    const second = await openBundle(other);
    const [a, b] = await Promise.all(
      [bundle, second].map(({ meta }) => knownModel(meta.model ?? "", configDir)),
    );
    await writeAtomic(out, await comparisonReport(bundle, second, a && b ? [a, b] : undefined));
    terminal.out(`The comparison is in ${out}\n`);
    return 0;
  }
  const out = flags.out ?? `${dir}/report.html`;
  const model = await knownModel(bundle.meta.model ?? "", configDir);
  await writeAtomic(out, await bundleReport(bundle, model === null ? {} : { model }));
  const without = model === null ? `, without whole iterations: ${configDir} has no such model` : "";
  terminal.out(`The report is in ${out}${without}\n`);
  return 0;
}

/** A folder of bundles has no meta.yaml of its own. */
async function isFolderOfBundles(dir: string): Promise<boolean> {
  const [first] = await findBundles(dir);
  return first !== undefined && first !== dir;
}

/** Writes the report of every bundle below a folder, and a page that lists them. */
async function writeIndex(
  folder: string,
  flags: ReportFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const entries: IndexEntry[] = [];
  for (const dir of await findBundles(folder)) {
    const bundle = await openBundle(dir);
    const model = await knownModel(bundle.meta.model ?? "", flags.configDir);
    const report = `${dir}/report.html`;
    await writeAtomic(report, await bundleReport(bundle, model === null ? {} : { model }));
    entries.push({ bundle, report });
  }
  const out = flags.out ?? `${folder}/index.html`;
  await writeAtomic(out, await indexPage(dirname(out), entries));
  terminal.out(`The reports of ${plural(entries.length, "bundle")} are listed in ${out}\n`);
  return 0;
}

/** A report can do without the model. */
function knownModel(id: string, configDir: string): Promise<Model | null> {
  return unlessMisused(loadModel(id, { configDir, download: false }), null);
}
