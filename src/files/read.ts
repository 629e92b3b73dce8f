/**
 * Reading files that need not exist, and files that a user named.
 *
 * @module
 */
import { UsageError } from "../errors.ts";

/**
 * Reads a file.
 *
 * @param path The file.
 * @returns Its bytes, null when it is not there.
 */
export async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Reads a text file.
 *
 * @param path The file.
 * @returns Its text.
 * @throws {UsageError} when it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
