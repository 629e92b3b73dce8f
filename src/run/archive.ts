/**
 * The archive of a bundle: rows that were taken out of its tables, in tables of the same form.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { formatTable, readTable, type Row } from "../bundle/tables.ts";
import { writeError } from "../bundle/write.ts";
import type { Category } from "../sweep/shot.ts";
import { readIfThere } from "./read_if_there.ts";
import { rowText } from "./shot_id.ts";

/**
 * The path of an archived table.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @param category The category.
 * @returns The path, in a folder that simulators do not look into.
 */
export function archivePath(dir: string, tp: number, category: Category): string {
  return join(dir, "archive", `tp${tp}`, `${category}.csv`);
}

/**
 * Adds rows to an archived table, in place of those of the same keys.
 *
 * @param path The table.
 * @param category Its category.
 * @param rows The rows.
 * @param write Writes a whole file.
 * @throws {UsageError} when the disk refuses; the table there is whole nevertheless.
 */
export async function archiveRows(
  path: string,
  category: Category,
  rows: readonly Row[],
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const bytes = await readIfThere(path);
  const before = bytes === null ? [] : readTable(category, new TextDecoder().decode(bytes), path).rows;
  const all = new Map([...before, ...rows].map((row) => [rowText(row.layer, row.key), row]));
  await Deno.mkdir(dirname(path), { recursive: true }).catch((cause) => {
    throw writeError(path, cause);
  });
  await write(path, formatTable(category, [...all.values()]));
}
