/**
 * Reading files that somebody else may have written: regular files of a size that fits.
 *
 * A link is followed, as stores of data keep files behind links; what it leads to is held to the same rules.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";

/** A journal of five million shots has about that many. */
const MAX_BYTES = 2 ** 30;
/** As text; a table of five million rows has fewer. */
const MAX_TEXT_BYTES = 2 ** 28;

/**
 * Reads a file. A device, a pipe or a folder is refused unread, as reading it may never end.
 *
 * @param path The file.
 * @param maxBytes How many bytes it may have at most. @default {1 GiB}
 * @returns Its bytes.
 * @throws {Deno.errors.NotFound} when it is not there.
 * @throws {UsageError} when it is no regular file, is larger, or cannot be read.
 *
 * @example
 * ```ts
 * import { readBytes } from "./read.ts";
 * import assert from "node:assert/strict";
 * await assert.rejects(readBytes("/dev/zero"), {
 *   message: "Cannot read /dev/zero: it is no regular file; name a file in its place",
 * });
 * ```
 */
export async function readBytes(path: string, maxBytes: number = MAX_BYTES): Promise<Uint8Array> {
  try {
    refuseOther(path, await Deno.stat(path), maxBytes);
    return await Deno.readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/**
 * Reads a file without waiting, as {@linkcode readBytes} does.
 *
 * @param path The file.
 * @param maxBytes How many bytes it may have at most. @default {1 GiB}
 * @returns Its bytes.
 * @throws {Deno.errors.NotFound} when it is not there.
 * @throws {UsageError} when it is no regular file, is larger, or cannot be read.
 */
export function readBytesSync(path: string, maxBytes: number = MAX_BYTES): Uint8Array {
  try {
    refuseOther(path, Deno.statSync(path), maxBytes);
    return Deno.readFileSync(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/**
 * Reads a file that need not be there.
 *
 * @param path The file.
 * @param maxBytes How many bytes it may have at most. @default {1 GiB}
 * @returns Its bytes, null when it is not there.
 * @throws {UsageError} when it is no regular file, is larger, or cannot be read.
 */
export async function readIfThere(path: string, maxBytes: number = MAX_BYTES): Promise<Uint8Array | null> {
  try {
    return await readBytes(path, maxBytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Reads a text file that need not be there.
 *
 * @param path The file.
 * @returns Its text, null when it is not there.
 * @throws {UsageError} when it is no regular file, has more than 256 MiB, or cannot be read.
 */
export async function readTextIfThere(path: string): Promise<string | null> {
  const bytes = await readIfThere(path, MAX_TEXT_BYTES);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/**
 * Reads a text file.
 *
 * @param path The file.
 * @returns Its text.
 * @throws {UsageError} when it is not there, is no regular file, has more than 256 MiB, or cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readBytes(path, MAX_TEXT_BYTES));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Cannot read ${path}: ${cause.message}`, { cause });
  }
}

function refuseOther(path: string, { isFile, size }: Deno.FileInfo, maxBytes: number): void {
  if (!isFile) throw new UsageError(`Cannot read ${path}: it is no regular file; name a file in its place`);
  if (size <= maxBytes) return;
  throw new UsageError(
    `Cannot read ${path}: it must have ${plural(maxBytes, "byte")} at most, got ${formatCount(size)}`,
  );
}

/** Tells what is not there from what cannot be read. */
function readError(path: string, cause: unknown): unknown {
  if (cause instanceof UsageError || cause instanceof Deno.errors.NotFound || !(cause instanceof Error)) {
    return cause;
  }
  return new UsageError(`Cannot read ${path}: ${cause.message}`, { cause });
}
