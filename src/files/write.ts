/**
 * Files that are whole at all times.
 *
 * @module
 */
import { UsageError } from "../errors.ts";

/** The part of an open file that writing needs. */
export type WritableFile = Pick<Deno.FsFile, "write" | "sync" | "close">;

/** Options of {@linkcode writeAtomic}. */
export interface WriteOptions {
  /**
   * Creates a file for writing, in place of one that is there.
   *
   * @default {a new file; a link of that name is not followed}
   */
  readonly create?: (path: string) => Promise<WritableFile>;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the device; free some and run again",
  EDQUOT: "the disk quota is used up; free some and run again",
  EROFS: "the file system is read-only; choose another folder",
  EACCES: "the folder may not be written to; change its permissions or choose another folder",
  EPERM: "the folder may not be written to; change its permissions or choose another folder",
  ENOENT: "its folder does not exist; create it first",
  ENOTDIR: "a part of its path is no folder; choose another folder",
  EISDIR: "a folder of that name is there; remove it or choose another name",
};

/**
 * Writes a file so that a reader, or the next run after a crash, sees either the old text or the new one:
 * a temporary file in the same folder is written, synced and renamed.
 *
 * @param path The file.
 * @param content Its new text, or its bytes.
 * @param options What to write through.
 * @throws {UsageError} when the file cannot be written, with the reason; the old file is untouched then.
 *
 * @example
 * ```ts
 * import { writeAtomic } from "./write.ts";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * await writeAtomic(`${dir}/meta.yaml`, "gpu: none\n");
 * assert.equal(await Deno.readTextFile(`${dir}/meta.yaml`), "gpu: none\n");
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function writeAtomic(
  path: string,
  content: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const { create = createNew } = options;
  const temporary = `${path}.tmp`;
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await writeAll(await create(temporary), bytes);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw writeError(path, error);
  }
}

/**
 * Says why a file cannot be written.
 *
 * @param path The file.
 * @param error What writing it threw.
 * @returns The error to throw in its place.
 *
 * @example
 * ```ts
 * import { writeError } from "./write.ts";
 * import assert from "node:assert/strict";
 * const full = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
 * assert.equal(
 *   writeError("perf/meta.yaml", full).message,
 *   "Cannot write perf/meta.yaml: no space is left on the device; free some and run again",
 * );
 * ```
 */
export function writeError(path: string, error: unknown): UsageError {
  const code = (error as { code?: unknown } | null)?.code;
  const known = typeof code === "string" ? REASONS[code] : undefined;
  const reason = known ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`Cannot write ${path}: ${reason}`, { cause: error });
}

/** A link that somebody put in the way would lead the bytes elsewhere. */
async function createNew(path: string): Promise<Deno.FsFile> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  return await Deno.open(path, { write: true, createNew: true });
}

async function writeAll(file: WritableFile, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
  } finally {
    file.close();
  }
}
