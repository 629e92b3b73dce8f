/**
 * The archive of a bundle: rows that were taken out of its tables, in tables of the same form.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { writeError } from "../files/write.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { readIfThere } from "../files/read_if_there.ts";

/**
 * The path of an archived table.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @param category The category.
 * @returns The path, in a folder that simulators do not look into.
 */
export function archivePath(dir: string, tp: number, category: SweepCategory): string {
  return join(dir, "archive", `tp${tp}`, `${category}.csv`);
}

/**
 * Rewrites an archived table.
 *
 * @param path The table.
 * @param merged Its new text, made from the one before; that is null when there is no table.
 * @param write Writes a whole file.
 * @throws {UsageError} when the disk refuses; the table there is whole nevertheless.
 */
export async function addToArchive(
  path: string,
  merged: (before: string | null) => string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const bytes = await readIfThere(path);
  await Deno.mkdir(dirname(path), { recursive: true }).catch((cause) => {
    throw writeError(path, cause);
  });
  await write(path, merged(bytes === null ? null : new TextDecoder().decode(bytes)));
}
