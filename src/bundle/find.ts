/**
 * The bundles below a folder.
 *
 * @module
 */
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { metaPath } from "./layout.ts";

/** Folders from a folder of bundles to one of them: `<hardware>/<org>/<name>/<variant>`, and one above. */
const MAX_DEPTH = 5;

/**
 * Finds bundles.
 *
 * @param dir A bundle's folder, or one above it, such as `perf`.
 * @returns The folders of the bundles, sorted; the folder itself when it is one. Links are not followed.
 * @throws {UsageError} when there is no such folder.
 *
 * @example
 * ```ts
 * import { findBundles } from "./find.ts";
 * import assert from "node:assert/strict";
 * const perf = await Deno.makeTempDir();
 * await Deno.mkdir(`${perf}/H100/o/m/bf16`, { recursive: true });
 * await Deno.writeTextFile(`${perf}/H100/o/m/bf16/meta.yaml`, "hardware: H100\n");
 * assert.deepEqual(await findBundles(perf), [`${perf}/H100/o/m/bf16`]);
 * await Deno.remove(perf, { recursive: true });
 * ```
 */
export async function findBundles(dir: string): Promise<string[]> {
  try {
    return (await below(dir, MAX_DEPTH)).sort();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new UsageError(`Cannot look for bundles in ${dir}: there is no such folder`);
  }
}

async function below(dir: string, depth: number): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  if (entries.some(({ name, isFile }) => isFile && join(dir, name) === metaPath(dir))) return [dir];
  if (depth === 0) return [];
  const folders = entries.filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."));
  return (await Promise.all(folders.map(({ name }) => below(join(dir, name), depth - 1)))).flat();
}
