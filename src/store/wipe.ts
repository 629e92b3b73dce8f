/**
 * Deleting what a variant has, and nothing else.
 *
 * @module
 */
import { metaPath, TABLE_NAMES, tablePath, tpOfFolder } from "../bundle/layout.ts";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { JOURNAL_FILE } from "../journal/file.ts";
import { packedPath } from "../journal/packed.ts";

/** Asks a question and says whether it was answered by yes. */
export type Confirm = (question: string) => boolean;

/**
 * Deletes the tables, the journal and the meta.yaml of a bundle.
 *
 * @param dir The bundle's folder; without one of them nothing happens.
 * @param confirm Asks whoever may say no.
 * @throws {UsageError} when somebody said no.
 */
export async function wipeBundle(dir: string, confirm: Confirm = () => true): Promise<void> {
  const files = await bundleFiles(dir);
  if (files.length === 0) return;
  const question = `Delete the ${plural(files.length, "file")} of measurements in ${dir} and measure anew?`;
  if (!confirm(question)) {
    throw new UsageError(
      `Cannot measure ${dir} anew: nobody confirmed that its ${
        plural(files.length, "file is", "files are")
      } deleted, and none was; ` +
        "leave force (--force) out to resume",
    );
  }
  for (const file of files) await Deno.remove(file);
}

async function bundleFiles(dir: string): Promise<string[]> {
  const journal = `${dir}/${JOURNAL_FILE}`;
  const candidates = [journal, packedPath(journal), metaPath(dir)];
  for await (const { name } of Deno.readDir(dir)) {
    const tp = tpOfFolder(name);
    if (tp !== null) candidates.push(...TABLE_NAMES.map((table) => tablePath(dir, tp, table)));
  }
  const there = await Promise.all(candidates.map((path) => Deno.stat(path).then(() => true, () => false)));
  return candidates.filter((_, index) => there[index]);
}
