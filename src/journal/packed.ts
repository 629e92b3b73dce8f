/**
 * A journal that is published, packed: `journal.jsonl.gz` in the place of `journal.jsonl`. It is read wherever a
 * journal is, and unpacked before a line is appended; where both are there, the plain one counts.
 *
 * @module
 */
import { existsSync, rmSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { writeAtomic, writeError } from "../files/write.ts";
import { UsageError } from "../errors.ts";
import { readBytes, readBytesSync, readIfThere } from "../files/read.ts";

/** Journals unpack to about 12 times their size; a file that was made to fill the memory to 1000 times. */
const MAX_RATIO = 100;
/** Small ones may repeat more. */
const SLACK_BYTES = 2 ** 24;

/** What packing came to. */
export interface Packed {
  /** Bytes of the plain journal. */
  readonly plainBytes: number;
  /** Bytes of the packed one. */
  readonly packedBytes: number;
}

/**
 * The path of a packed journal.
 *
 * @param path The plain journal's.
 * @returns The path.
 */
export function packedPath(path: string): string {
  return `${path}.gz`;
}

/**
 * Reads a journal, plain or packed.
 *
 * @param path The plain journal, which need not exist.
 * @returns Its plain bytes; null when neither is there.
 * @throws {UsageError} when the packed one is broken.
 */
export async function readPlainOrPacked(path: string): Promise<Uint8Array | null> {
  const plain = await readIfThere(path);
  if (plain !== null) return plain;
  const packed = await readIfThere(packedPath(path));
  return packed === null ? null : unpacked(packedPath(path), packed);
}

/**
 * Packs a journal; the plain one is removed once the packed one was read back and is the same.
 *
 * @param path The plain journal, which nobody else writes.
 * @returns What it came to; null when it is packed already.
 * @throws {UsageError} when there is no journal, or the disk refuses.
 */
export async function packJournal(path: string): Promise<Packed | null> {
  const target = packedPath(path);
  const plain = await readIfThere(path);
  if (plain === null) {
    if (await readIfThere(target) !== null) return null;
    throw new UsageError(
      `Cannot pack ${path}: there is no such file; name the folder of a bundle that has one`,
    );
  }
  await writeAtomic(target, gzipSync(plain, { level: 9 }));
  const packed = await readBytes(target);
  if (!unpacked(target, packed).equals(plain)) {
    throw new UsageError(`Cannot pack ${path}: ${target} reads back differently; the plain one stays`);
  }
  await Deno.remove(path);
  return { plainBytes: plain.length, packedBytes: packed.length };
}

/**
 * Unpacks a journal so that lines can be appended; where none is packed, nothing happens. It does not wait, since a
 * line is to be on its way when the caller goes on.
 *
 * @param path The plain journal, which nobody else writes.
 * @throws {UsageError} when the packed one is broken, or the disk refuses.
 */
export function unpackJournal(path: string): void {
  const source = packedPath(path);
  if (!existsSync(source)) return;
  if (!existsSync(path)) {
    const plain = unpacked(source, readBytesSync(source));
    const temporary = `${path}.tmp`;
    try {
      writeSynced(temporary, plain);
      Deno.renameSync(temporary, path);
    } catch (error) {
      if (existsSync(temporary)) Deno.removeSync(temporary);
      throw writeError(path, error);
    }
  }
  Deno.removeSync(source);
}

function unpacked(path: string, packed: Uint8Array): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: SLACK_BYTES + MAX_RATIO * packed.length });
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") {
      throw new UsageError(
        `Cannot read ${path}: it unpacks to more than ${MAX_RATIO} times its size, as no journal does; restore it`,
        { cause },
      );
    }
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}; restore it or remove it`, {
      cause,
    });
  }
}

function writeSynced(path: string, bytes: Uint8Array): void {
  rmSync(path, { force: true });
  using file = Deno.openSync(path, { write: true, createNew: true });
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  file.syncDataSync();
}
