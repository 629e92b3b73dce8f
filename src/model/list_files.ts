/**
 * What a folder of configuration files offers.
 *
 * @module
 */
import { join } from "node:path";

/**
 * Lists files by name, folders included.
 *
 * @param folder Where to look; one that does not exist has none.
 * @param extension Ending of the files, with its dot.
 * @returns Paths within the folder, `/` between their parts, without the extension, sorted.
 */
export async function listFiles(folder: string, extension: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const item of Deno.readDir(folder)) {
      if (item.isDirectory) {
        const inside = await listFiles(join(folder, item.name), extension);
        names.push(...inside.map((name) => `${item.name}/${name}`));
      } else if (item.name.endsWith(extension)) {
        names.push(item.name.slice(0, -extension.length));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}
