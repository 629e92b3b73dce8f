/**
 * Reading a file that need not exist.
 *
 * @module
 */

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
