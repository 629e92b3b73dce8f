/**
 * Saving a session: the journal first, then the tables whose rows have changed, then meta.yaml.
 *
 * @module
 */
import { metaPath } from "../bundle/layout.ts";
import { formatMeta, type Meta } from "../bundle/meta.ts";
import type { SessionJournal } from "./session_journal.ts";
import type { Session, SessionFacts } from "./session_types.ts";
import type { TableFiles } from "./table_files.ts";

/** Shortest time between two rewrites of the files during a sweep, in milliseconds. */
const SAVE_MS = 5000;
/** Largest share of the time that rewriting may take. */
const SAVE_SHARE = 0.02;

/** What is saved. */
export interface Saved {
  /** The bundle's folder. */
  readonly dir: string;
  /** Its journal. */
  readonly journal: Pick<SessionJournal, "isOpen" | "sync">;
  /** Its tables. */
  readonly files: TableFiles;
  /** Whether there was a meta.yaml on opening. */
  readonly hasMeta: boolean;
  /** Tells what meta.yaml is made from. */
  readonly facts: () => SessionFacts;
  /** Writes a whole file. */
  readonly write: (path: string, text: string) => Promise<void>;
}

/**
 * Saves a session when asked.
 *
 * @param saved What is saved.
 * @returns How it is asked, and told how meta.yaml is made.
 */
export function sessionSaving(
  { dir, journal, files, hasMeta, facts, write }: Saved,
): Pick<Session, "describe" | "saveIfDue" | "save"> {
  let makeMeta: ((facts: SessionFacts) => Meta) | undefined;
  let lastSave = performance.now();
  let pauseMs = SAVE_MS;
  async function save(): Promise<void> {
    const begun = performance.now();
    await journal.sync();
    const changed = await files.write() || journal.isOpen || !hasMeta;
    if (makeMeta !== undefined && changed) await write(metaPath(dir), formatMeta(makeMeta(facts())));
    lastSave = performance.now();
    pauseMs = Math.max(SAVE_MS, (lastSave - begun) / SAVE_SHARE);
  }
  return {
    describe(make): void {
      makeMeta = make;
    },
    async saveIfDue(): Promise<void> {
      if (performance.now() - lastSave >= pauseMs) await save();
    },
    save,
  };
}
