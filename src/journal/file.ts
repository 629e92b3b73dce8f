/**
 * A journal: the append-only record of samples that the rows of a bundle are made from, one JSON object a line.
 *
 * A line is handed to the operating system before anybody hears of the shot, so that a killed process loses none;
 * it is on the disk at most a second later.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { writeError } from "../files/write.ts";
import { JOURNAL_FORMAT, type JournalLine, parseJournalLine } from "./line.ts";
import { readPlainOrPacked } from "./packed.ts";

/** Name of the journal in a bundle's folder. */
export const JOURNAL_FILE = "journal.jsonl";

/** Longest time between two fsyncs while lines come, in milliseconds. */
const SYNC_MS = 1000;

/** Bytes that are decoded at once, at least. */
const DECODED_BYTES = 2 ** 20;

/** What reading a journal gave, beside its lines. */
export interface JournalReading {
  /** Bytes up to the end of the last whole line. */
  readonly bytes: number;
  /** What is wrong with it, in sentences. */
  readonly notices: readonly string[];
}

/**
 * Reads a journal, plain or packed; a last line that was cut by a kill does not count, other bad lines are reported.
 *
 * @param path The plain file, which need not exist.
 * @param visit Called with every line.
 * @returns Where to append, and what was wrong.
 * @throws {UsageError} when a packed one is broken, or a line begins a format that is newer than ours.
 */
export async function readJournal(path: string, visit: (line: JournalLine) => void): Promise<JournalReading> {
  return readLines(path, await readPlainOrPacked(path), visit);
}

/**
 * Reads the lines of a journal, as {@linkcode readJournal} does.
 *
 * @param path The file's path, for messages.
 * @param bytes What it holds; null when it is not there.
 * @param visit Called with every line.
 * @param parse Reads a line.
 * @returns Where to append, and what was wrong.
 * @throws {UsageError} when a line begins a format that is newer than ours.
 */
export function readLines<Line extends object>(
  path: string,
  bytes: Uint8Array | null,
  visit: (line: Line) => void,
  parse: (text: string) => Line | number | null = parseJournalLine as (text: string) => Line | number | null,
): JournalReading {
  const held = bytes ?? new Uint8Array();
  const whole = held.lastIndexOf(10) + 1;
  const notices: string[] = [];
  if (whole < held.length) notices.push(`${path}: the last line was cut, its shot counts as not fired`);
  let row = 0;
  for (const text of linesOf(held.subarray(0, whole))) {
    row++;
    const line = parse(text);
    if (typeof line === "number") throw newerFormat(path, row, line);
    if (line === null) notices.push(`${path}: line ${row} is no line of a journal, it is left out`);
    else visit(line);
  }
  return { bytes: whole, notices };
}

/** The lines of a text that ends with one, decoded many at a time: one by one takes as long as reading them. */
function* linesOf(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder();
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, Math.min(start + DECODED_BYTES, bytes.length - 1)) + 1;
    yield* decoder.decode(bytes.subarray(start, end - 1)).split("\n");
    start = end;
  }
}

function newerFormat(path: string, row: number, format: number): UsageError {
  return new UsageError(
    `Cannot read ${path}: line ${row} begins format ${format}, and this version reads formats 1 to ` +
      `${JOURNAL_FORMAT}; use the version of shotlab that wrote it, or a later one`,
  );
}

/** The file below a journal; replaced in tests to make a disk fail. */
export interface JournalFile extends Disposable {
  /** Writes all bytes at the end. */
  write(bytes: Uint8Array): void;
  /** Cuts the file to a length in bytes. */
  truncate(bytes: number): void;
  /** Waits until everything is on the disk. */
  sync(): Promise<void>;
}

/** A journal that lines are appended to. */
export interface Journal extends AsyncDisposable {
  /**
   * Appends a line.
   *
   * @throws {UsageError} when the disk refuses; no part of the line stays.
   */
  append(line: JournalLine): void;
  /** Waits until everything is on the disk. */
  sync(): Promise<void>;
}

/**
 * Opens a journal for appending.
 *
 * @param path The file, made when it is not there.
 * @param bytes Length of its whole lines, as {@linkcode readJournal} tells; what follows is cut off.
 * @param open Opens the file below.
 * @returns The journal.
 * @throws {UsageError} when the disk refuses.
 */
export function openJournal(
  path: string,
  bytes: number,
  open: (path: string) => JournalFile = openFile,
): Journal {
  const file = guard(path, () => open(path));
  guard(path, () => file.truncate(bytes));
  const encoder = new TextEncoder();
  let length = bytes;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let syncing: Promise<void> = Promise.resolve();
  let failure: unknown;

  function sync(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    return syncing = syncing.catch(() => {}).then(() => file.sync()).catch((cause) => {
      throw failure = writeError(path, cause);
    });
  }
  return {
    append(line): void {
      if (failure !== undefined) throw failure;
      const text = encoder.encode(JSON.stringify(line) + "\n");
      try {
        file.write(text);
      } catch (cause) {
        file.truncate(length);
        throw failure = writeError(path, cause);
      }
      length += text.length;
      // A failure is kept in `failure`, for the next line to throw.
      timer ??= setTimeout(() => sync().catch(() => {}), SYNC_MS);
    },
    sync,
    async [Symbol.asyncDispose](): Promise<void> {
      const told = failure;
      using _closed = file;
      // A failure that was told already is not to hide what it led to.
      await sync().catch((error) => {
        if (told === undefined) throw error;
      });
    },
  };
}

function guard<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function openFile(path: string): JournalFile {
  const file = Deno.openSync(path, { write: true, create: true });
  return {
    write(bytes): void {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    },
    truncate(bytes): void {
      file.truncateSync(bytes);
      file.seekSync(bytes, Deno.SeekMode.Start);
    },
    sync: () => file.syncData(),
    [Symbol.dispose]: () => file.close(),
  };
}
