/**
 * Which source made a measurement.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What measures: this side and the workers. */
const FOLDERS = ["src", "harness"];

/**
 * Hashes the source that measures.
 *
 * @param root The project's folder.
 * @returns SHA-256 over the paths and bytes of its TypeScript and Python files, in path order, in hex.
 */
export async function sourceSha256(
  root: string = fileURLToPath(new URL("../..", import.meta.url)),
): Promise<string> {
  const paths: string[] = [];
  for (const folder of FOLDERS) await collect(root, folder, paths);
  const hash = createHash("sha256");
  for (const path of paths.sort()) hash.update(`${path}\n`).update(await Deno.readFile(join(root, path)));
  return hash.digest("hex");
}

async function collect(root: string, folder: string, paths: string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) await collect(root, path, paths);
    else if (/\.(ts|py)$/.test(name)) paths.push(path);
  }
}
