/**
 * Where a downloaded configuration came from: a file beside it, `<name>.revision`, says the revision and the SHA-256 of
 * what was downloaded, so that a configuration that was changed since is not taken for the hub's.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readTextIfThere } from "../files/read.ts";
import { writeAtomic } from "../files/write.ts";

/**
 * Says where a configuration came from.
 *
 * @param path The configuration's file.
 * @param text Its text.
 * @param revision The hub's revision: a commit, or what was asked for when the hub does not tell.
 * @throws {UsageError} when the file cannot be written.
 */
export async function writeOrigin(path: string, text: string, revision: string): Promise<void> {
  await writeAtomic(originPath(path), `${revision} ${sha256(text)}\n`);
}

/**
 * Reads where a configuration came from.
 *
 * @param path The configuration's file.
 * @param text Its text.
 * @returns The hub's revision; null for a file that somebody put there or has changed.
 */
export async function readOrigin(path: string, text: string): Promise<string | null> {
  const line = await readTextIfThere(originPath(path)).catch(() => null) ?? "";
  const [revision, hash] = line.trim().split(" ");
  return revision && hash === sha256(text) ? revision : null;
}

function originPath(path: string): string {
  return path.replace(/\.json$/, ".revision");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
