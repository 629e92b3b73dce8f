/**
 * The journal of a bundle, checked: no simulator reads it, but a run that goes on does, and so do reports.
 *
 * @module
 */
import { join } from "node:path";
import type { Issue } from "../../bundle/issue.ts";
import { plural } from "../../count_text.ts";
import { UsageError } from "../../errors.ts";
import { JOURNAL_FILE, readJournal } from "../../journal/file.ts";

/**
 * Checks that a bundle's journal can be read to its end.
 *
 * @param dir The bundle's folder.
 * @returns Warnings; none where there is no journal.
 */
export async function checkJournal(dir: string): Promise<Issue[]> {
  const path = join(dir, JOURNAL_FILE);
  const issue = { severity: "warning" as const, path };
  try {
    const { notices: [first, ...others] } = await readJournal(path, () => {});
    if (first === undefined) return [];
    const more = others.length > 0 ? ` (and ${plural(others.length, "line")} more)` : "";
    const message = `The journal is damaged: ${first.replace(`${path}: `, "")}${more}`;
    return [{ ...issue, code: "journal-lines", message }];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [{
      ...issue,
      code: "journal-unreadable",
      message: `No run can go on and no report can be made: ${error.message}`,
    }];
  }
}
