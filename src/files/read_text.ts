/**
 * Reading a text file that a user named.
 *
 * @module
 */
import { UsageError } from "../errors.ts";

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
