/**
 * A bundle while it is written: its lock, its journal, its rows, and the files made from them.
 *
 * @module
 */
import { writeAtomic } from "../files/write.ts";
import { UsageError } from "../errors.ts";
import { estimateLists, estimatesOf, setEstimates } from "./estimates.ts";
import type { FailedShot } from "../events.ts";
import { identityConflict } from "./identity_conflict.ts";
import { describeOwner, type Lock, lockBundle } from "../files/lock.ts";
import { removedLayers } from "./removed_layers.ts";
import { tableOf } from "./rows.ts";
import { addSeconds, type Durations, sessionFacts } from "./session_facts.ts";
import { sessionJournal } from "./session_journal.ts";
import { sessionLookUps } from "./session_look_ups.ts";
import { sessionRecords } from "./session_records.ts";
import { sessionSaving } from "./session_saving.ts";
import type { Session, SessionOptions } from "./session_types.ts";
import { settle } from "./reconcile_grid.ts";
import { idOf, rowText, shotText } from "../shots/shot_id.ts";
import { shownRows, touchStale } from "./csv_rows.ts";
import { readState } from "./state.ts";
import { tableFiles } from "./table_files.ts";
import { wipeBundle } from "./wipe.ts";

export type * from "./session_types.ts";

/**
 * Opens a bundle for writing; what it has is read and stands.
 *
 * @param dir The bundle's folder, made when it is not there.
 * @param options The layers to measure, and whether to start anew.
 * @returns The session.
 * @throws {UsageError} when another writer has the bundle, the folder cannot be written, its meta.yaml is broken,
 * or `force` lacks its confirmation.
 *
 * @example
 * ```ts
 * import { openSession } from "./session.ts";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * const architecture = {
 *   modelType: "tiny", sequence: {}, sha256: "00",
 *   catalog: { dense: { embedding: { vllm: [] } }, per_sequence: {}, attention: {}, moe: {} },
 * };
 * {
 *   await using session = await openSession(dir, { architecture });
 *   assert.deepEqual(session.missing({ category: "dense", tp: 1, tokens: 16 }), ["embedding"]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function openSession(dir: string, options: SessionOptions): Promise<Session> {
  const { architecture, skewMode = "interpolated", force = false, yes = false } = options;
  const { write = writeAtomic, openFile } = options;
  using opening = new DisposableStack();
  const lock = opening.use(await lockBundle(dir));
  if (force) await wipeBundle(dir, yes);
  const state = await readState(dir);
  const { meta, rows, estimates } = state;
  const shown = shownRows(state, skewMode);
  const lists = estimateLists(dir, estimates, state.listed, write);
  const files = tableFiles(
    dir,
    { rows, kept: state.kept, estimates, lists, skewRows: shown.skew },
    architecture,
    write,
  );
  touchStale(files, state, shown);
  const held = opening.move();

  const journal = sessionJournal(dir, state, openFile);
  const durationS: Durations = structuredClone(meta?.duration_s ?? {});
  const deviceBusyS: Durations = structuredClone(meta?.device_busy_s ?? {});
  let mixed: readonly string[] = meta?.mixed ?? [];
  const session: Session = {
    dir,
    notices: [...takeOver(lock), ...state.notices, ...removedLayers(dir, rows, architecture)],
    meta,
    skewMode,
    get failed(): readonly FailedShot[] {
      return [...state.failed.values()];
    },
    start({ identity, settings, allowMixed = false, started = new Date() }): string[] {
      const differences = identityConflict(state.identities, meta, identity);
      if (differences.length > 0 && !allowMixed) {
        throw new UsageError(
          `Cannot extend ${dir}: it was measured under other conditions (${differences.join("; ")}); ` +
            `choose another hardware or variant name, or pass allowMixed (--allow-mixed), which is recorded`,
        );
      }
      mixed = [...new Set([...mixed, ...differences])];
      journal.start({ type: "session", format: 1, started: started.toISOString(), identity, settings });
      state.identities.push(identity);
      return differences.map((difference) => `The bundle is mixed from here on: ${difference}`);
    },
    ...sessionLookUps(state, shown, architecture),
    ...sessionRecords(journal, files, state),
    estimate(tp, predicted): void {
      const measured = tableOf(rows, tp, "attention");
      const open = predicted.filter(({ key }) =>
        !measured.has(rowText(null, key)) && !state.failed.has(shotText({ category: "attention", tp, key }))
      );
      setEstimates(estimates, tp, open);
      files.touch(tp, "attention");
    },
    settle(sweep, exact): Promise<string[]> {
      const { category, tp, shots } = sweep;
      if (exact && category === "attention") {
        const planned = new Set(shots.map((shot) => shotText(idOf(shot))));
        const kept = estimatesOf(estimates, tp).filter(({ key }) =>
          planned.has(shotText({ category, tp, key }))
        );
        session.estimate(tp, kept);
      }
      return settle(sweep, exact, {
        dir,
        state,
        skewRows: shown.skew,
        write,
        record(line): void {
          journal.record(line);
          files.touch(line.tp, line.category);
        },
      });
    },
    spend(tp, category, seconds, busyS = null): void {
      addSeconds(durationS, tp, category, seconds);
      if (busyS !== null) addSeconds(deviceBusyS, tp, category, busyS);
    },
    ...sessionSaving({
      dir,
      journal,
      files,
      hasMeta: meta !== null,
      facts: () => sessionFacts(state, { durationS, deviceBusyS, mixed }),
      write,
    }),
    async [Symbol.asyncDispose](): Promise<void> {
      using _lock = held;
      await journal[Symbol.asyncDispose]();
    },
  };
  return session;
}

function takeOver({ takenFrom }: Lock): string[] {
  return takenFrom === null
    ? []
    : [`The lock was left by ${describeOwner(takenFrom)}, which is over: taken over`];
}
