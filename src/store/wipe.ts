/**
 * Deleting what a variant has, and nothing else.
 *
 * @module
 */
import { metaPath, TABLE_NAMES, tablePath, tpOfFolder } from "../bundle/layout.ts";
import { UsageError } from "../errors.ts";
import { JOURNAL_FILE } from "../journal/file.ts";
import { packedPath } from "../journal/packed.ts";

/**
 * Deletes the tables, the journal and the meta.yaml of a bundle.
 *
 * @param dir The bundle's folder; without one of them nothing happens.
 * @param confirmed Whether the user has said yes to it.
 * @throws {UsageError} when there is something to delete and nobody has said yes.
 */
export async function wipeBundle(dir: string, confirmed: boolean): Promise<void> {
  const files = await bundleFiles(dir);
  if (files.length === 0) return;
  if (!confirmed) {
    throw new UsageError(
      `Cannot measure ${dir} anew: force deletes ${files.length} files there and needs a confirmation; ` +
        `pass yes (--yes), or leave force out to resume`,
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
