/**
 * What a session records: samples, failures, sentinels, and what a harness tells beside them.
 *
 * @module
 */
import type { FailedShot } from "../events.ts";
import { median } from "../stats.ts";
import type { Recorder } from "./sink.ts";
import type { SessionJournal } from "./session_journal.ts";
import { idOf } from "../shots/shot_id.ts";
import type { BundleState } from "./state.ts";
import type { TableFiles } from "./table_files.ts";

/** What takes in what shots gave. */
export type Records = Pick<Recorder, "measured" | "fail" | "sentinel" | "note">;

/**
 * Records into a journal.
 *
 * @param journal The journal.
 * @param files The files that show what was measured.
 * @param state Knows which kernels have a name.
 * @returns What records.
 */
export function sessionRecords(
  { record }: Pick<SessionJournal, "record">,
  files: TableFiles,
  { kernels }: Pick<BundleState, "kernels">,
): Records {
  return {
    measured(shot, samples, more = {}): Record<string, number> {
      record({ type: "shot", ...idOf(shot), samples, ...more });
      files.touch(shot.tp, shot.category);
      return Object.fromEntries(Object.entries(samples).map(([layer, values]) => [layer, median(values)]));
    },
    fail(shot, kind, message): FailedShot {
      const failed = { ...idOf(shot), kind, message };
      record({ type: "failed", ...failed });
      return failed;
    },
    sentinel: (shot, sentinel) => record({ type: "sentinel", ...idOf(shot), ...sentinel }),
    note(fact, { atS = Date.now() / 1000, lane } = {}): void {
      if (fact.type === "state") {
        record({ ...fact, ...atS !== null && { at_s: atS }, ...lane !== undefined && { lane } });
      }
      if (fact.type !== "kernels") return;
      const unnamed = Object.entries(fact.names).filter(([hash]) => !kernels.has(hash));
      if (unnamed.length > 0) record({ type: "kernels", names: Object.fromEntries(unnamed) });
    },
  };
}
