/**
 * The journal of a session: it is opened with the first thing that is recorded, before which it tells who measures.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { type Journal, JOURNAL_FILE, type JournalFile, openJournal } from "../journal/file.ts";
import type { JournalLine, SessionLine } from "../journal/line.ts";
import { takeIn } from "./outcomes.ts";
import { unpackJournal } from "../journal/packed.ts";
import type { BundleState } from "./state.ts";

/** What records into a bundle's journal and its state; disposing closes the journal. */
export interface SessionJournal extends AsyncDisposable {
  /** Whether anything was recorded. */
  readonly isOpen: boolean;
  /** Says who measures from here on. */
  start(opener: SessionLine): void;
  /**
   * Records a line.
   *
   * @throws {UsageError} when nobody said who measures, or the disk refuses.
   */
  record(line: JournalLine): void;
  /** Waits until everything is on the disk. */
  sync(): Promise<void>;
}

/**
 * Prepares to record; the journal's file is left alone until then.
 *
 * @param dir The bundle's folder.
 * @param state What it holds; what is recorded is taken in.
 * @param openFile Opens the journal's file.
 * @returns The journal.
 */
export function sessionJournal(
  dir: string,
  state: BundleState,
  openFile?: (path: string) => JournalFile,
): SessionJournal {
  const path = `${dir}/${JOURNAL_FILE}`;
  let opener: SessionLine | undefined;
  let hasOpener = false;
  let journal: Journal | undefined;
  function open(): Journal {
    unpackJournal(path);
    return openJournal(path, state.journalBytes, openFile);
  }
  return {
    get isOpen(): boolean {
      return journal !== undefined;
    },
    start(line): void {
      opener = line;
      hasOpener = false;
    },
    record(line): void {
      if (opener === undefined) {
        throw new UsageError(`Cannot record a shot in ${dir}: start the session first`);
      }
      journal ??= open();
      if (!hasOpener) {
        journal.append(opener);
        takeIn(state, opener);
        hasOpener = true;
      }
      journal.append(line);
      takeIn(state, line);
    },
    async sync(): Promise<void> {
      await journal?.sync();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await journal?.[Symbol.asyncDispose]();
    },
  };
}
