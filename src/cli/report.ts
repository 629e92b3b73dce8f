/**
 * `shotlab report`.
 *
 * @module
 */
import { openBundle } from "../bundle/open.ts";
import { writeAtomic } from "../files/write.ts";
import { UsageError } from "../errors.ts";
import { loadModel } from "../model/load_model.ts";
import type { Model } from "../model/model.ts";
import { bundleReport, comparisonReport } from "../view/report/report.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Writes the report of a bundle, or of two side by side, as one HTML file.
 *
 * @param dirs The bundle's folder, and that of the one to compare it with.
 * @param options `out`: the file; `configDir`: where models are.
 * @param terminal Where it is told.
 * @returns The exit status, 0.
 * @throws {UsageError} when there is no such folder, or the file cannot be written.
 */
export async function reportCommand(
  dirs: readonly [dir: string, other?: string],
  { out, configDir }: { readonly out: string; readonly configDir: string },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const [dir, other] = dirs;
  const bundle = await openBundle(dir);
  if (other !== undefined) {
    await writeAtomic(out, await comparisonReport(bundle, await openBundle(other)));
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
