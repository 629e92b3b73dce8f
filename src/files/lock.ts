/**
 * One writer per bundle or journal: a lock file that names its owner, held by the operating system's advisory
 * lock.
 *
 * The advisory lock ends with its process however that ends, so a file that nobody holds is what a dead owner of
 * this host left behind. Of another host's file that cannot be known: it is refused.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readBytesSync } from "./read.ts";
import { writeError } from "./write.ts";
import { UsageError } from "../errors.ts";

/** Name of the lock file in a bundle's folder. */
const LOCK_FILE = ".lock";

/** A lock names a process. */
const MAX_OWNER_BYTES = 4096;

/** Who writes a bundle. */
export interface LockOwner {
  /** Process id. */
  readonly pid: number;
  /** Host name. */
  readonly host: string;
  /** When the lock was taken, in ISO 8601. */
  readonly since: string;
}

/** A lock; disposing releases it, and removes the folders that it made if they are empty. */
export interface Lock extends Disposable {
  /** The dead owner from whom it was taken, null when there was none. */
  readonly takenFrom: LockOwner | null;
}

/**
 * Takes the lock of a bundle.
 *
 * @param dir The bundle's folder, made when it is not there.
 * @param host Name of this host.
 * @returns The lock.
 * @throws {UsageError} when another process holds it, another host left it, or the folder cannot be written.
 *
 * @example
 * ```ts
 * import { lockBundle } from "./lock.ts";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * {
 *   using _lock = await lockBundle(dir);
 *   await assert.rejects(lockBundle(dir), /is being written by process/);
 * }
 * await Deno.remove(dir);
 * ```
 */
export async function lockBundle(dir: string, host: string = Deno.hostname()): Promise<Lock> {
  return await lock(dir, `${dir}/${LOCK_FILE}`, host);
}

/**
 * Takes the lock of a file, which is the file `<file>.lock` beside it.
 *
 * @param file The file, which need not be there; nor need its folder.
 * @returns The lock.
 * @throws {UsageError} when another process holds it, another host left it, or the folder cannot be written.
 */
export async function lockFile(file: string): Promise<Lock> {
  return await lock(file, `${file}.lock`, Deno.hostname());
}

async function lock(written: string, path: string, host: string): Promise<Lock> {
  const made = missingFolders(dirname(path));
  const file = await openLocked(written, path);
  const takenFrom = readOwner(path);
  if (takenFrom !== null && takenFrom.host !== host) {
    file.close();
    throw new UsageError(
      `Cannot write ${written}: ${
        describeOwner(takenFrom)
      } left it locked, and whether it lives cannot be seen from ` +
        `${host}; when it is over, remove ${path}`,
    );
  }
  try {
    const owner: LockOwner = { pid: Deno.pid, host, since: new Date().toISOString() };
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(JSON.stringify(owner) + "\n"));
  } catch (cause) {
    file.close();
    throw writeError(path, cause);
  }
  return {
    takenFrom,
    [Symbol.dispose](): void {
      Deno.removeSync(path);
      file.close();
      for (const folder of made) if (!removeIfEmpty(folder)) break;
    },
  };
}

/**
 * Writes an owner for a message.
 *
 * @param owner The owner.
 * @returns `process <pid> on <host> since <time>`.
 */
export function describeOwner(owner: LockOwner): string {
  return `process ${owner.pid} on ${owner.host} since ${owner.since}`;
}

async function openLocked(written: string, path: string): Promise<Deno.FsFile> {
  while (true) {
    let file: Deno.FsFile;
    refuseOther(written, path);
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      file = await Deno.open(path, { read: true, write: true, create: true });
    } catch (cause) {
      throw writeError(written, cause);
    }
    if (!await file.tryLock(true)) {
      file.close();
      const owner = readOwner(path);
      throw new UsageError(
        `Cannot write ${written}: it is being written by ${
          owner ? describeOwner(owner) : "another process"
        }; ` +
          `wait for it or stop it`,
      );
    }
    // The owner before may have removed the file between our opening and locking it.
    if (isSameFile(file, path)) return file;
    file.close();
  }
}

/** The folders on the way that are not there, the innermost first. */
function missingFolders(dir: string): string[] {
  const missing: string[] = [];
  for (let folder = resolve(dir); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  return missing;
}

function removeIfEmpty(folder: string): boolean {
  try {
    Deno.removeSync(folder);
    return true;
  } catch {
    return false;
  }
}

function isSameFile(file: Deno.FsFile, path: string): boolean {
  try {
    const [ours, there] = [file.statSync(), Deno.statSync(path)];
    return ours.ino === there.ino && ours.dev === there.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What is no file, or is a link to one elsewhere, is neither waited for nor written to. */
function refuseOther(written: string, path: string): void {
  try {
    if (Deno.lstatSync(path).isFile) return;
  } catch {
    return; // It is not there, or opening it tells why it cannot be seen.
  }
  throw new UsageError(`Cannot write ${written}: its lock ${path} is no regular file; remove it`);
}

function readOwner(path: string): LockOwner | null {
  try {
    const owner = JSON.parse(new TextDecoder().decode(readBytesSync(path, MAX_OWNER_BYTES)));
    return typeof owner?.host === "string" ? owner : null;
  } catch (error) {
    const isNone = error instanceof SyntaxError || error instanceof UsageError;
    if (isNone || error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
