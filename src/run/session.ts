/**
 * A bundle while it is written: its lock, its journal, its rows, and the files made from them.
 *
 * @module
 */
import { metaPath } from "../bundle/layout.ts";
import { formatMeta, type Meta } from "../bundle/meta.ts";
import { writeAtomic } from "../bundle/write.ts";
import { UsageError } from "../errors.ts";
import { formatSkew, type SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import type { Category, SweepCategory } from "../sweep/shot.ts";
import { estimateLists, estimatesOf, setEstimates } from "./estimates.ts";
import type { FailedShot } from "./events.ts";
import { identityConflict } from "./identity_conflict.ts";
import type { JournalLine, SessionLine } from "./journal_line.ts";
import { type Journal, JOURNAL_FILE, openJournal } from "./journal.ts";
import { describeOwner, type Lock, lockBundle } from "./lock.ts";
import { median } from "./median.ts";
import { noiseOf } from "./noise.ts";
import { unpackJournal } from "./packed_journal.ts";
import { removedLayers } from "./removed_layers.ts";
import { degreesOf, tableOf } from "./rows.ts";
import { settle } from "./settle.ts";
import { idOf, rowText, shotText } from "./shot_id.ts";
import type { Session, SessionFacts, SessionOptions } from "./session_types.ts";
import { countCases, hasPart, skewedTime, skewProblem, skewRows, skewTimesOf } from "./skew_times.ts";
import { readState, takeIn } from "./state.ts";
import { tableFiles } from "./table_files.ts";
import { type TimedLayer, timedLayers } from "./timed_layers.ts";
import { wipeBundle } from "./wipe.ts";

export type * from "./session_types.ts";

/** Shortest time between two rewrites of the files during a sweep, in milliseconds. */
const SAVE_MS = 5000;
/** Largest share of the time that rewriting may take. */
const SAVE_SHARE = 0.02;

/** Seconds, by `tp<N>` and category. */
type Durations = Record<string, Partial<Record<SweepCategory, number>>>;

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
  const { rows: all, estimates } = state;
  /** What attention.csv shows. */
  const attentionOf = (tp: number): ReadonlyMap<string, Row> =>
    new Map<string, Row>([...estimates.get(tp) ?? [], ...tableOf(all, tp, "attention")]);
  const skewRowsOf = (tp: number): SkewRow[] => {
    const attention = skewMode === "exact" ? tableOf(all, tp, "attention") : attentionOf(tp);
    return skewRows(skewTimesOf(state.skew, tp), attention, skewMode);
  };
  const lists = estimateLists(dir, estimates, state.listed, write);
  const files = tableFiles(dir, { rows: all, estimates, lists, skewRows: skewRowsOf }, architecture, write);
  for (const [tp, category] of state.stale) files.touch(tp, category);
  for (const [tp, { rows, skewed }] of state.skew) {
    if (skewed.size > 0 && formatSkew([...rows.values()]) !== formatSkew(skewRowsOf(tp))) {
      files.touch(tp, "skew");
    }
  }
  const held = opening.move();

  const durationS: Durations = structuredClone(state.meta?.duration_s ?? {});
  const deviceBusyS: Durations = structuredClone(state.meta?.device_busy_s ?? {});
  let mixed: readonly string[] = state.meta?.mixed ?? [];
  const layersById = new Map<string, readonly TimedLayer[]>();
  let opener: SessionLine | undefined;
  let opened = false;
  let journal: Journal | undefined;
  let makeMeta: ((facts: SessionFacts) => Meta) | undefined;
  let lastSave = performance.now();
  let pauseMs = SAVE_MS;

  function layersOf(category: Category, tp: number): readonly TimedLayer[] {
    const id = `${category} ${tp}`;
    let layers = layersById.get(id);
    if (layers === undefined) layersById.set(id, layers = timedLayers(architecture, category, tp));
    return layers;
  }
  function openOurs(): Journal {
    unpackJournal(`${dir}/${JOURNAL_FILE}`);
    return openJournal(`${dir}/${JOURNAL_FILE}`, state.journalBytes, openFile);
  }
  function record(line: JournalLine): void {
    if (opener === undefined) throw new UsageError(`Cannot record a shot in ${dir}: start the session first`);
    journal ??= openOurs();
    if (!opened) {
      journal.append(opener);
      takeIn(state, opener);
      opened = true;
    }
    journal.append(line);
    takeIn(state, line);
  }
  const session: Session = {
    dir,
    notices: [...takeOver(lock), ...state.notices, ...removedLayers(dir, state.rows, architecture)],
    meta: state.meta,
    get failed(): readonly FailedShot[] {
      return [...state.failed.values()];
    },
    start({ identity, settings, allowMixed = false, started = new Date() }): string[] {
      const differences = identityConflict(state.identities, state.meta, identity);
      if (differences.length > 0 && !allowMixed) {
        throw new UsageError(
          `Cannot extend ${dir}: it was measured under other conditions (${differences.join("; ")}); ` +
            `choose another hardware or variant name, or pass allowMixed (--allow-mixed), which is recorded`,
        );
      }
      mixed = [...new Set([...mixed, ...differences])];
      opener = { type: "session", format: 1, started: started.toISOString(), identity, settings };
      opened = false;
      state.identities.push(identity);
      return differences.map((difference) => `The bundle is mixed from here on: ${difference}`);
    },
    describe(make): void {
      makeMeta = make;
    },
    skewMode,
    timed: (shot) =>
      shot.category === "skew" ? [...shot.parts] : layersOf(shot.category, shot.tp).map(({ name }) => name),
    missing(shot): string[] {
      const { tp, key } = idOf(shot);
      if (shot.category === "skew") {
        const times = skewTimesOf(state.skew, tp);
        return shot.parts.filter((part) => !hasPart(times, key, part));
      }
      const { category } = shot;
      const table = tableOf(state.rows, tp, category);
      return layersOf(category, tp)
        .filter(({ layer }) => !table.has(rowText(layer, key)))
        .map(({ name }) => name);
    },
    count: (tp, category) =>
      category === "skew" ? countCases(skewTimesOf(state.skew, tp)) : tableOf(state.rows, tp, category).size,
    skewProblem: (tp, again) => skewProblem(skewTimesOf(state.skew, tp), attentionOf(tp), again),
    timeUs(shot): number | null {
      const { category, tp, key } = idOf(shot);
      if (category === "skew") return skewedTime(skewTimesOf(state.skew, tp), key);
      return tableOf(all, tp, category).get(rowText(null, key))?.timeUs ?? null;
    },
    attention: (tp) => [...attentionOf(tp).values()],
    estimate(tp, rows): void {
      const measured = tableOf(all, tp, "attention");
      const open = rows.filter(({ key }) =>
        !measured.has(rowText(null, key)) && !state.failed.has(shotText({ category: "attention", tp, key }))
      );
      setEstimates(estimates, tp, open);
      files.touch(tp, "attention");
    },
    hasFailed: (shot) => state.failed.size > 0 && state.failed.has(shotText(idOf(shot))),
    inDoubt: (shot) => state.doubts.standing > 0 && state.doubts.isDue(shotText(idOf(shot))),
    doubted(shot, samples): number {
      const timed = session.timed(shot).map((layer) => [layer, samples[layer] ?? []]);
      return state.doubts.known(shotText(idOf(shot)), Object.fromEntries(timed));
    },
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
      const unnamed = Object.entries(fact.names).filter(([hash]) => !state.kernels.has(hash));
      if (unnamed.length > 0) record({ type: "kernels", names: Object.fromEntries(unnamed) });
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
        skewRows: skewRowsOf,
        write,
        record(line): void {
          record(line);
          files.touch(line.tp, line.category);
        },
      });
    },
    spend(tp, category, seconds, busyS = null): void {
      add(durationS, tp, category, seconds);
      if (busyS !== null) add(deviceBusyS, tp, category, busyS);
    },
    async saveIfDue(): Promise<void> {
      if (performance.now() - lastSave >= pauseMs) await session.save();
    },
    async save(): Promise<void> {
      const begun = performance.now();
      await journal?.sync();
      const changed = await files.write() || journal !== undefined || state.meta === null;
      if (makeMeta !== undefined && changed) {
        const { samples } = state;
        const tps = degreesOf(state.rows);
        const skewTps = tps.filter((tp) => session.count(tp, "skew") > 0);
        const estimated = Object.fromEntries(
          tps.map((tp) => [tp, estimatesOf(estimates, tp).length]).filter(([, count]) => count! > 0),
        );
        const facts = {
          tps,
          skewTps,
          estimated,
          samples,
          durationS,
          deviceBusyS,
          failed: session.failed,
          mixed,
        };
        await write(metaPath(dir), formatMeta(makeMeta({ ...facts, noise: noiseOf(state) })));
      }
      lastSave = performance.now();
      pauseMs = Math.max(SAVE_MS, (lastSave - begun) / SAVE_SHARE);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      using _lock = held;
      await journal?.[Symbol.asyncDispose]();
    },
  };
  return session;
}

function add(durations: Durations, tp: number, category: SweepCategory, seconds: number): void {
  const spent = durations[`tp${tp}`] ??= {};
  spent[category] = (spent[category] ?? 0) + seconds;
}

function takeOver({ takenFrom }: Lock): string[] {
  return takenFrom === null
    ? []
    : [`The lock was left by ${describeOwner(takenFrom)}, which is over: taken over`];
}
