/**
 * Symbolic links in the way of writing.
 *
 * @module
 */
import { join, relative } from "node:path";
import { UsageError } from "../errors.ts";

/**
 * Refuses a bundle that would be written elsewhere: one of its folders or files, or a folder on the way to it, is a
 * symbolic link. A bundle may come from somebody else; what is written into it must stay there. `perfDir` itself is
 * the caller's own and may be a link.
 *
 * @param perfDir Folder of all bundles.
 * @param dir The bundle's folder, inside `perfDir`; it need not be there.
 * @throws {UsageError} when there is a link, naming it and what it points to.
 *
 * @example
 * ```ts
 * import { refuseLinks } from "./links.ts";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * await Deno.symlink("/etc", `${perfDir}/H100`);
 * await assert.rejects(refuseLinks(perfDir, `${perfDir}/H100/org/name/bf16`), /H100: it is a link to \/etc/);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function refuseLinks(perfDir: string, dir: string): Promise<void> {
  let path = perfDir;
  for (const name of relative(perfDir, dir).split("/")) {
    path = join(path, name);
    await refuseLink(path);
  }
  await refuseLinksIn(dir);
}

async function refuseLinksIn(folder: string): Promise<void> {
  try {
    for await (const { name, isSymlink, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isSymlink) await refuseLink(path);
      if (isDirectory) await refuseLinksIn(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
}

async function refuseLink(path: string): Promise<void> {
  let target: string;
  try {
    target = await Deno.readLink(path);
  } catch {
    return; // It is none, or not there.
  }
  throw new UsageError(
    `Cannot write to ${path}: it is a link to ${target}, and a bundle is written only where it is; ` +
      `remove the link, or choose the folder that it points to as perfDir (--perf-dir)`,
  );
}
