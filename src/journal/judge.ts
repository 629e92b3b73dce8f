/**
 * Who says which times can be relied on: the one judge of runs on a live harness, of plans that were fired elsewhere, and
 * of what is read later (`docs/robustness.md`, What is promised of the times).
 *
 * A sentinel is one shot that a lane repeats. A time stands when the sentinels on both sides of it agree with the
 * reference of its lane; it is in doubt when one of them does not, or when none came after it before the lane broke. Of
 * clocks, a shot's own counts where the harness tells it: it is in doubt when it began more than 5% below the fastest
 * clock that the lane's sentinels began at. Then a sentinel that began at a lower clock agrees as far as its clock
 * explains its time. One that began at that clock and ended below it has lowered it itself, as it would each time: it is
 * no doubt, but told. Where a shot's own clock is not known, a clock that has moved puts in doubt the chunk at whose end
 * it had, and the one that was fired next.
 *
 * @module
 */
import { shotText } from "../shots/shot_id.ts";
import type { JournalLine, SentinelLine, SessionLine, ShotLine } from "./line.ts";
import { newReferences, type News } from "./references.ts";
import { clocksOf, farthestClock, type Reading, readingOf, usualDriftShare } from "./sentinel.ts";

/** How often a shot is measured again at most because the device drifted. */
const MOST_AGAIN = 2;
/** After a break, a sentinel vouches for what lies before it when it comes within so many sentinel intervals. */
const BREAK_INTERVALS = 2;

/** What a sentinel says. */
export interface Verdict {
  /** By which share its time differs from the reference's, negative when it was faster. */
  readonly drift: number;
  /** Whether time or clock have moved too far. */
  readonly moved: boolean;
  /** The clock in MHz that is farthest from the reference's since the sentinel before; null when unknown. */
  readonly clockMhz: number | null;
  /** What is new with it; absent when nothing is. */
  readonly news?: News;
}

/** What is known of the times of a journal. */
export interface Doubts {
  /** What the last sentinel says; null before the first. */
  readonly verdict: Verdict | null;
  /** The writer stops, however: what no sentinel came after is in doubt until one of the same lane does soon. */
  end(): void;
  /** Whether a shot, by its text, is in doubt. */
  has(shot: string): boolean;
  /** Whether a shot is in doubt and may be measured again. */
  isDue(shot: string): boolean;
  /**
   * Whether a lane has measured what its next sentinel will say something about.
   *
   * @param lane The lane; undefined for one that is alone.
   * @param origin The journal that its lines were taken from; undefined for none.
   */
  awaits(lane: string | undefined, origin: string | undefined): boolean;
  /** The sentinel that was fired last at a tensor-parallel degree: the key of its attention shot; null before the first. */
  sentinelKey(tp: number): readonly number[] | null;
  /** Lanes of this writer whose last sentinel had moved. */
  readonly movedLanes: readonly string[];
  /** Whether this writer has lanes, and each of them has moved. */
  readonly allMoved: boolean;
  /** The texts of the shots that are in doubt. */
  doubted(): string[];
  /** How many these are. */
  readonly standing: number;
  /** Whether a shot that is not in doubt lowers the clock by itself. */
  lowersClock(shot: string): boolean;
  /** How many these are. */
  readonly lowering: number;
  /** How many measurements took the place of one in doubt. */
  readonly again: number;
  /** The drift of each sentinel, as it was judged when it came. */
  readonly drifts: readonly number[];
}

/** Follows the lines of a journal. */
export interface Judge extends Doubts {
  /** Takes the next line. */
  take(line: JournalLine): void;
}

/** What a lane measured between two sentinels. */
interface Stretch {
  readonly lane: string;
  readonly sentinel: string;
  /** The sentinel that it began with; null where there is none, though one was to watch. */
  readonly before: Reading | null;
  after: Reading | null;
  /** Whether its lane goes on measuring in it. */
  isOpen: boolean;
  readonly isOld: boolean;
  /** How often a speed had been accepted before. */
  readonly epoch: number;
}

/** What a lane fired of a stretch between two readings of the device. */
interface Chunk {
  readonly stretch: Stretch;
  /** The clock in MHz at the end of what was fired before it; null when unknown. */
  readonly beginMhz: number | null;
  /** The clock at its end; undefined when nothing was read then. */
  endMhz: number | null | undefined;
  /** Shots whose last measurement lies in it. */
  shots: number;
}

/** A measurement of a shot. */
interface Measurement {
  /** The chunk that it lies in; null where nothing watched. */
  readonly chunk: Chunk | null;
  /** The clock in MHz right before and right behind the shot, where it was counted. */
  readonly clocks: readonly [beganMhz: number, endedMhz: number] | undefined;
}

/** A lane of the present writer, or of an earlier one. */
interface LaneState {
  stretch: Stretch | null;
  /** The chunks of the stretch. */
  chunks: Chunk[];
  /** What is being fired; null between two readings without shots. */
  chunk: Chunk | null;
  /** The clock at the end of what was fired last. */
  clockMhz: number | null;
  /** Stretches that ended without a sentinel. */
  tails: Stretch[];
  /** The verdict on the last sentinel of the present writer; null before it. */
  moved: boolean | null;
}

/**
 * Begins with an empty journal.
 *
 * @returns The judge.
 *
 * @example
 * ```ts
 * import { newJudge } from "./judge.ts";
 * import assert from "node:assert/strict";
 * const judge = newJudge();
 * const key = [16, 0, 2, 128];
 * const sentinel = (timeUs: number) => {
 *   const samples = { attention: [timeUs] };
 *   judge.take({ type: "sentinel", category: "attention", tp: 1, key, samples, clock_mhz: null });
 *   return judge.verdict!;
 * };
 * const identity = {} as never;
 * const watch = { every_s: 30, share: 0.03 };
 * judge.take({ type: "session", format: 2, started: "2026-03-01T09:30:00Z", identity, settings: {}, watch });
 * const shot = (tokens: number) =>
 *   judge.take({ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { proj: [1] } });
 * sentinel(100);
 * shot(1);
 * assert.deepEqual(sentinel(101).moved, false);
 * shot(2);
 * assert.deepEqual(sentinel(119).moved, true);
 * shot(3);
 * sentinel(100);
 * assert.deepEqual(judge.doubted(), ["dense tp1 2", "dense tp1 3"]);
 * ```
 */
export function newJudge(): Judge {
  let share = usualDriftShare("kernel");
  let everyS = 0;
  let isWatched = false;
  let origin = "";
  let again = 0;
  let verdict: Verdict | null = null;
  const drifts: number[] = [];
  const lanes = new Map<string, LaneState>();
  const references = newReferences(() => share);
  const keys = new Map<number, readonly number[]>();
  // Of every shot its last measurement, and the earlier ones of those that have some.
  const last = new Map<string, Measurement>();
  const earlier = new Map<string, Measurement[]>();
  // The same of shots that were archived.
  const archived = new Map<string, { readonly last: Measurement; readonly earlier: Measurement[] }>();
  // What was measured without a sentinel where there had been some.
  const blind: Chunk = {
    stretch: { lane: "", sentinel: "", before: null, after: null, isOpen: false, isOld: false, epoch: 0 },
    ...{ beginMhz: null, endMhz: undefined, shots: 0 },
  };

  const nameOf = (lane = "", from = origin): string => from === "" ? lane : `${from} ${lane}`;

  function laneOf(lane: string | undefined): LaneState {
    const name = nameOf(lane);
    let state = lanes.get(name);
    if (state === undefined) {
      state = { stretch: null, chunks: [], chunk: null, clockMhz: null, tails: [], moved: null };
      lanes.set(name, state);
    }
    return state;
  }

  /** The lowest clock that a shot in a chunk may have begun at; null when it is not known. */
  const leastMhzIn = ({ stretch }: Chunk): number | null =>
    references.leastMhz(stretch.sentinel, stretch.lane);

  /** Whether the device drifted where a shot was measured: its own clock counts, or its chunk's where it has none. */
  function hasMoved(chunk: Chunk, clocks: Measurement["clocks"]): boolean {
    const leastMhz = clocks === undefined ? null : leastMhzIn(chunk);
    if (clocks === undefined || leastMhz === null) return isOffChunk(chunk);
    const { sentinel, lane, before, after } = chunk.stretch;
    return clocks[0] < leastMhz ||
      [before, after].some((side) => side !== null && references.isUnexplained(sentinel, lane, side));
  }

  /** Whether the device drifted on a side of a chunk: by a sentinel's time, or a clock. */
  function isOffChunk({ stretch, beginMhz, endMhz }: Chunk): boolean {
    const { sentinel, lane, before, after } = stretch;
    if (before === null) return false;
    // Who wrote format 1 held that only what lies before a sentinel that has moved is in doubt.
    if (stretch.isOld && references.isOld(sentinel, lane)) return after?.moved ?? false;
    // Without a reading at its end it counts as the whole stretch.
    const isRead = endMhz !== undefined;
    return references.isOff(sentinel, lane, before, [isRead ? beginMhz : before.clockMhz]) ||
      (after !== null && references.isOff(sentinel, lane, after, isRead ? [endMhz] : clocksOf(after)));
  }

  function isDoubtful({ chunk, clocks }: Measurement): boolean {
    if (chunk === null) return false;
    const { after, isOpen, isOld } = chunk.stretch;
    return (after === null && !isOpen && !isOld) || hasMoved(chunk, clocks);
  }

  function isLowering(measurement: Measurement): boolean {
    const { chunk, clocks } = measurement;
    if (chunk === null || clocks === undefined) return false;
    const leastMhz = leastMhzIn(chunk);
    return leastMhz !== null && clocks[1] < leastMhz && !isDoubtful(measurement);
  }

  const hasShots = ({ chunks }: LaneState): boolean => chunks.some(({ shots }) => shots > 0);

  function breakOff(state: LaneState): void {
    const { stretch } = state;
    state.stretch = null;
    state.chunk = null;
    if (stretch === null) return;
    stretch.isOpen = false;
    if (hasShots(state) && !stretch.isOld) state.tails.push(stretch);
  }

  function begin(line: SessionLine): void {
    for (const state of lanes.values()) {
      breakOff(state);
      state.moved = null;
    }
    references.begin(line);
    origin = line.origin ?? "";
    isWatched = Boolean(line.watch);
    if (line.watch) {
      share = line.watch.share;
      everyS = line.watch.every_s;
    }
  }

  function sentinel(line: SentinelLine): void {
    const state = laneOf(line.lane);
    const lane = nameOf(line.lane);
    const text = shotText(line);
    const reading = readingOf(line);
    keys.set(line.tp, line.key);
    const isOld = line.moved !== undefined;
    const news = references.take(line, lane, reading, state.moved ?? false);
    const { epoch } = references;
    const stretch: Stretch = {
      ...{ lane, sentinel: text, before: reading, after: null, isOpen: true, isOld, epoch },
    };
    const { stretch: open, tails } = state;
    if (open !== null && (open.sentinel === text || isOld)) {
      open.after = reading;
      open.isOpen = false;
    } else breakOff(state);
    for (const tail of tails) {
      if (tail.sentinel === text && isSoon(tail.before, reading)) tail.after = reading;
    }
    state.tails = [];
    state.stretch = stretch;
    state.chunks = [];
    state.chunk = null;
    state.clockMhz = reading.clockMhz;
    const reference = references.nearest(text, lane, reading);
    // Without a reference the device is as far off as it was.
    const drift = line.drift ?? (reference === null ? verdict!.drift : reading.timeUs / reference.timeUs - 1);
    state.moved = references.hasMoved(text, lane, reading);
    drifts.push(drift);
    const clockMhz = farthestClock(reading, reference?.clockMhz ?? null);
    verdict = { drift, moved: state.moved, clockMhz, ...news && { news } };
  }

  /** Whether a sentinel after a break came so soon that what lies between is as well watched as without one. */
  function isSoon(before: Reading | null, { atS }: Reading): boolean {
    const beforeS = before?.atS ?? null;
    if (beforeS === null || atS === null) return false;
    return atS >= beforeS && atS - beforeS <= BREAK_INTERVALS * everyS;
  }

  function archive(text: string): void {
    const known = last.get(text);
    if (known === undefined) return;
    archived.set(text, { last: known, earlier: earlier.get(text) ?? [] });
    if (known.chunk !== null) known.chunk.shots--;
    last.delete(text);
    earlier.delete(text);
  }

  function restore(text: string): void {
    const known = archived.get(text);
    if (known === undefined) return;
    last.set(text, known.last);
    earlier.set(text, known.earlier);
    if (known.last.chunk !== null) known.last.chunk.shots++;
  }

  /** The chunk that a lane is firing; null before its first sentinel. */
  function chunkOf(state: LaneState): Chunk | null {
    const { stretch, clockMhz } = state;
    if (stretch === null) return null;
    if (state.chunk === null) {
      state.chunk = { stretch, beginMhz: clockMhz, endMhz: undefined, shots: 0 };
      state.chunks.push(state.chunk);
    }
    return state.chunk;
  }

  /** Takes in a clock at the end of what was fired; before it, an idle device may have slowed its clock. */
  function read({ lane, sm_clock_mhz }: Extract<JournalLine, { type: "state" }>): void {
    const state = laneOf(lane);
    if (state.chunk === null) return;
    state.chunk.endMhz = state.clockMhz = sm_clock_mhz;
    state.chunk = null;
  }

  function measured({ tp, lane, shot_clocks_mhz: clocks, ...shot }: ShotLine): void {
    const text = shotText({ ...shot, tp });
    const chunk = chunkOf(laneOf(lane)) ?? (isWatched && references.has(tp) ? blind : null);
    const before = last.get(text);
    if (before !== undefined) {
      if (isDoubtful(before)) again++;
      if (before.chunk !== null) before.chunk.shots--;
      earlier.set(text, [...earlier.get(text) ?? [], before]);
    }
    last.set(text, { chunk, clocks });
    if (chunk !== null) chunk.shots++;
  }

  const is = (kind: (measurement: Measurement) => boolean) => (text: string): boolean => {
    const known = last.get(text);
    return known !== undefined && kind(known);
  };
  const has = is(isDoubtful);
  const count = (kind: (measurement: Measurement) => boolean): number =>
    last.values().reduce((sum, known) => sum + (kind(known) ? 1 : 0), 0);
  const present = (): [string, LaneState][] => [...lanes].filter(([, { moved }]) => moved !== null);

  return {
    take(line): void {
      switch (line.type) {
        case "session":
          return begin(line);
        case "engine":
          return breakOff(laneOf(line.lane));
        case "sentinel":
          return sentinel(line);
        case "failed":
          return line.sentinel ? breakOff(laneOf(line.lane)) : undefined;
        case "archived":
          return archive(shotText(line));
        case "restored":
          return restore(shotText(line));
        case "shot":
          return measured(line);
        case "state":
          return read(line);
      }
    },
    get verdict(): Verdict | null {
      return verdict;
    },
    end(): void {
      for (const state of lanes.values()) {
        if (state.stretch !== null && hasShots(state)) breakOff(state);
      }
    },
    has,
    isDue(text): boolean {
      if (!has(text)) return false;
      const marks = [...earlier.get(text) ?? [], last.get(text)!]
        .filter(({ chunk, clocks }) =>
          chunk !== null && chunk.stretch.epoch === references.epoch && hasMoved(chunk, clocks)
        );
      return marks.length <= MOST_AGAIN;
    },
    awaits(lane, from): boolean {
      const state = lanes.get(nameOf(lane, from ?? ""));
      return state !== undefined && (state.tails.length > 0 || (state.stretch !== null && hasShots(state)));
    },
    sentinelKey: (tp) => keys.get(tp) ?? null,
    get movedLanes(): readonly string[] {
      return present().filter(([, { moved }]) => moved).map(([name]) => name);
    },
    get allMoved(): boolean {
      const states = present();
      return states.length > 0 && states.every(([, { moved }]) => moved);
    },
    doubted: () => [...last.keys()].filter(has),
    get standing(): number {
      return count(isDoubtful);
    },
    lowersClock: is(isLowering),
    get lowering(): number {
      return count(isLowering);
    },
    get again(): number {
      return again;
    },
    drifts,
  };
}
