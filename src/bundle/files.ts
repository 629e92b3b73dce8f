/**
 * A bundle's files as they are on disk.
 *
 * @module
 */
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import type { Issue } from "./issue.ts";
import { metaPath, TABLE_NAMES, type TableName, tablePath } from "./layout.ts";

/** A file's text: undefined when there is no file, null when its bytes are no UTF-8. */
export type FileText = string | null | undefined;

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
 * @returns Their texts.
 * @throws {UsageError} when the folder is not there or a file cannot be read.
 */
export async function readFiles(dir: string): Promise<BundleFiles> {
  const folders = await folderNames(dir);
  const tps = folders.flatMap((name) => /^tp[1-9]\d*$/.test(name) ? [Number(name.slice(2))] : []);
  tps.sort((a, b) => a - b);
  const [meta, ...tables] = await Promise.all([
    readText(metaPath(dir)),
    ...tps.map((tp) => readTables(dir, tp)),
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
      if (entry.isDirectory || (entry.isSymlink && (await Deno.stat(join(dir, entry.name))).isDirectory)) {
        names.push(entry.name);
      }
    }
  } catch (error) {
    throw readError(dir, error);
  }
  return names.sort();
}

async function readTables(dir: string, tp: number): Promise<Record<TableName, FileText>> {
  const texts = await Promise.all(
    TABLE_NAMES.map(async (table) => [table, await readText(tablePath(dir, tp, table))]),
  );
  return Object.fromEntries(texts);
}

async function readText(path: string): Promise<FileText> {
  try {
    return decode(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw readError(path, error);
  }
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
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
