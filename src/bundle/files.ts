/**
 * A bundle's files as they are on disk.
 *
 * @module
 */
import { join } from "node:path";
import { readBytes } from "../files/read.ts";
import { UsageError } from "../errors.ts";
import type { Issue } from "./issue.ts";
import { metaPath, TABLE_NAMES, type TableName, tablePath, tpOfFolder } from "./layout.ts";

/** A file's text: undefined when there is no file, null when its bytes are no UTF-8 and have to be. */
export type FileText = string | null | undefined;

/** A file is held as one text. */
const MAX_BYTES = 2 ** 28;

/** The files of a bundle. */
export interface BundleFiles {
  /** The bundle's folder. */
  readonly dir: string;
  /** Names of the folders in it. */
  readonly folders: readonly string[];
  /** Tensor-parallel degrees that have a folder, ascending. */
  readonly tps: readonly number[];
  /** Text of meta.yaml. */
  readonly meta: FileText;
  /** Texts of the tables, by degree. */
  readonly tables: ReadonlyMap<number, Readonly<Record<TableName, FileText>>>;
}

/**
 * Reads all files of a bundle side by side.
 *
 * @param dir The bundle's folder.
 * @param options `strict`: whether a text must be UTF-8; without it bytes that are none are replaced, so that a row
 * that has some does not take those of its file with it.
 * @returns Their texts.
 * @throws {UsageError} when the folder is not there or a file cannot be read.
 */
export async function readFiles(
  dir: string,
  { strict }: { readonly strict: boolean } = { strict: true },
): Promise<BundleFiles> {
  const folders = await folderNames(dir);
  const tps = folders.flatMap((name) => tpOfFolder(name) ?? []);
  tps.sort((a, b) => a - b);
  const [meta, ...tables] = await Promise.all([
    readText(metaPath(dir), strict),
    ...tps.map((tp) => readTables(dir, tp, strict)),
  ]);
  return {
    dir,
    folders,
    tps,
    meta,
    tables: new Map(tables.map((texts, index) => [tps[index] as number, texts])),
  };
}

/**
 * The degrees whose folder holds a table.
 *
 * @param files The bundle's files.
 * @returns The degrees, ascending.
 */
export function populatedTps({ tps, tables }: BundleFiles): number[] {
  return tps.filter((tp) => TABLE_NAMES.some((table) => tables.get(tp)?.[table] !== undefined));
}

/**
 * The issue of a file whose bytes are no UTF-8.
 *
 * @param path The file.
 * @returns The issue.
 */
export function encodingIssue(path: string): Issue {
  return {
    code: "file-encoding",
    severity: "error",
    path,
    expected: "UTF-8",
    message: "The file's bytes are no UTF-8 text",
  };
}

async function folderNames(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(dir)) {
      if (entry.isDirectory || (entry.isSymlink && await leadsToFolder(join(dir, entry.name)))) {
        names.push(entry.name);
      }
    }
  } catch (error) {
    throw readError(dir, error);
  }
  return names.sort();
}

/** Whether a link leads to a folder; one that leads nowhere does not. */
function leadsToFolder(path: string): Promise<boolean> {
  return Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

async function readTables(
  dir: string,
  tp: number,
  strict: boolean,
): Promise<Record<TableName, FileText>> {
  const texts = await Promise.all(
    TABLE_NAMES.map(async (table) => [table, await readText(tablePath(dir, tp, table), strict)]),
  );
  return Object.fromEntries(texts);
}

async function readText(path: string, strict: boolean): Promise<FileText> {
  try {
    return decode(await readBytes(path, MAX_BYTES), strict);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function decode(bytes: Uint8Array, strict: boolean): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: strict }).decode(bytes);
  } catch {
    return null;
  }
}

function readError(path: string, error: unknown): UsageError {
  const reason = error instanceof Deno.errors.NotFound
    ? "it does not exist"
    : error instanceof Error
    ? error.message
    : String(error);
  return new UsageError(`Cannot read ${path}: ${reason}`, { cause: error });
}
