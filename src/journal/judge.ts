/**
 * Who says which times can be relied on: the one judge of runs on a live harness, of plans that were fired elsewhere, and
 * of what is read later (`docs/robustness.md`, What is promised of the times).
 *
 * A sentinel is one shot that a lane repeats. A time stands when the sentinels on both sides of it agree with the
 * reference of its lane; it is in doubt when one of them does not, or when none came after it before the lane broke.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { shotText } from "../shots/shot_id.ts";
import { median } from "../stats.ts";
import type { JournalLine, SentinelLine, SessionLine, ShotLine } from "./line.ts";

/** Largest share by which the clock of the multiprocessors may move. */
const CLOCK_SHARE = 0.1;
/** Share by which the sentinel of device times may move: below the steps of 4.4% of a GPU that changes its clocks. */
const DEVICE_SHARE = 0.03;
/**
 * Share by which the sentinel of wall times may move. They hold whatever else the host does, other processes and its
 * scheduler among it, which comes and goes by a tenth; only a state that lasts and costs much is worth the time to
 * measure again. The same share tells a slow lane of a pool from its fellows.
 */
const WALL_SHARE = 0.25;
/** How often a shot is measured again at most because the device had moved. */
const MOST_AGAIN = 2;
/** After a break, a sentinel vouches for what lies before it when it comes within so many sentinel intervals. */
const BREAK_INTERVALS = 2;

/**
 * The share by which a sentinel may move unless the settings say otherwise.
 *
 * @param quantity What is timed.
 * @returns The share.
 */
export function usualDriftShare(quantity: Quantity): number {
  return quantity === "wall" ? WALL_SHARE : DEVICE_SHARE;
}

/** The time of a sentinel: the sum over its layers of the medians of their samples, in microseconds. */
export function sentinelTimeUs(samples: Readonly<Record<string, readonly number[]>>): number {
  return Object.values(samples).reduce((sum, values) => sum + median(values), 0);
}

/**
 * Whether a clock has moved too far.
 *
 * @param first What it was, in MHz; null when unknown.
 * @param now What it is, in MHz; null when unknown.
 * @returns Whether it has moved by more than a tenth.
 */
export function clockMoved(first: number | null, now: number | null): boolean {
  return first !== null && now !== null && Math.abs(now / first - 1) > CLOCK_SHARE;
}

/** What a sentinel says. */
export interface Verdict {
  /** By which share its time differs from the reference's, negative when it was faster. */
  readonly drift: number;
  /** Whether time or clock have moved too far. */
  readonly moved: boolean;
  /** The clock in MHz that is farthest from the reference's since the sentinel before; null when unknown. */
  readonly clockMhz: number | null;
  /**
   * What is new with it: `slower` or `faster` than the journal's reference at the first sentinel of a writer, `accepted`
   * when it became the reference because the user said so, `unlike` when the journal has sentinels of the same
   * tensor-parallel degree, but none of this shot, so that speeds then and now cannot be compared.
   */
  readonly news?: "slower" | "faster" | "accepted" | "unlike";
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

/** A sentinel that was fired. */
interface Reading {
  readonly timeUs: number;
  readonly clockMhz: number | null;
  readonly lowMhz: number | null;
  readonly highMhz: number | null;
  readonly atS: number | null;
  /** Whether it had moved in the eyes of who wrote format 1. */
  readonly moved: boolean | undefined;
}

/** What a lane's sentinels are held against. */
interface Reference {
  readonly timeUs: number;
  readonly clockMhz: number | null;
  /** Which writer set it. */
  readonly session: number;
  /** Whether a writer of format 1 did. */
  readonly isOld: boolean;
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
  /** Shots whose last measurement lies in it. */
  shots: number;
}

/** A lane of the present writer, or of an earlier one. */
interface LaneState {
  stretch: Stretch | null;
  /** Stretches that ended without a sentinel. */
  tails: Stretch[];
  /** The verdict on the last sentinel of the present writer; null before it. */
  moved: boolean | null;
  /** A sentinel that was faster than the reference, when it was the last one. */
  faster: Reading | null;
  /** Sentinels that the present writer has fired on it. */
  readonly fired: Set<string>;
}

/**
 * Begins with an empty journal.
 *
 * A lane is held against its own first sentinel of the same shot, whichever writer fired it; a lane that is new to a
 * journal, against those of the lanes before. One that was faster by more than the share takes the reference's place
 * once the next is as fast: then the device was not at its best before. A single fast one is an outlier, which a kernel
 * of two speeds has every now and then. A slower one takes it when the writer accepts the speed.
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
  let share = DEVICE_SHARE;
  let everyS = 0;
  let isWatched = false;
  let accepts = false;
  let origin = "";
  let session = 0;
  let epoch = 0;
  let again = 0;
  let verdict: Verdict | null = null;
  const drifts: number[] = [];
  const lanes = new Map<string, LaneState>();
  const references = new Map<string, Map<string, Reference>>();
  // For lanes whose reference is void: the one that took its place; null until there is one.
  const bases = new Map<string, Reference | null>();
  const keys = new Map<number, readonly number[]>();
  // Of every shot its last measurement, and the earlier ones of those that have some; null where nothing watched.
  const last = new Map<string, Stretch | null>();
  const earlier = new Map<string, (Stretch | null)[]>();
  // What was measured without a sentinel where there had been some.
  const blind: Stretch = {
    ...{ lane: "", sentinel: "", before: null, after: null, isOpen: false, isOld: false, epoch: 0, shots: 0 },
  };

  const nameOf = (lane = "", from = origin): string => from === "" ? lane : `${from} ${lane}`;

  function laneOf(lane: string | undefined): LaneState {
    const name = nameOf(lane);
    let state = lanes.get(name);
    if (state === undefined) {
      lanes.set(name, state = { stretch: null, tails: [], moved: null, faster: null, fired: new Set() });
    }
    return state;
  }

  function referencesFor(sentinel: string, lane: string): readonly Reference[] {
    const known = references.get(sentinel);
    const own = known?.get(lane) ?? bases.get(sentinel);
    if (own === undefined) return [...known?.values() ?? []];
    return own === null ? [] : [own];
  }

  /** Whether a sentinel agrees with a reference, in its time and in some clocks. */
  function fits(reading: Reading, reference: Reference, clocks: readonly (number | null)[]): boolean {
    if (reference.isOld && reading.moved !== undefined) return !reading.moved;
    return Math.abs(reading.timeUs / reference.timeUs - 1) <= share &&
      !clocks.some((clock) => clockMoved(reference.clockMhz, clock));
  }

  const isOff = (
    { sentinel, lane }: Stretch,
    reading: Reading,
    clocks: readonly (number | null)[],
  ): boolean => !referencesFor(sentinel, lane).some((reference) => fits(reading, reference, clocks));

  /** Whether the device had moved when a stretch began: by the sentinel's time, and the clock after it. */
  const beganOff = (stretch: Stretch, before: Reading): boolean => isOff(stretch, before, [before.clockMhz]);

  /** Whether it had moved when a stretch ended, or its clock had since it began. */
  const endedOff = (stretch: Stretch, after: Reading): boolean => isOff(stretch, after, clocksOf(after));

  /** Whether the device had moved on a side of a stretch. */
  function hasMoved(stretch: Stretch): boolean {
    const { before, after } = stretch;
    if (before === null) return false;
    // Who wrote format 1 held that only what lies before a sentinel that has moved is in doubt.
    if (stretch.isOld && references.get(stretch.sentinel)?.get(stretch.lane)?.isOld) {
      return after?.moved ?? false;
    }
    return beganOff(stretch, before) || (after !== null && endedOff(stretch, after));
  }

  function isDoubtful(stretch: Stretch | null): boolean {
    if (stretch === null) return false;
    return (stretch.after === null && !stretch.isOpen && !stretch.isOld) || hasMoved(stretch);
  }

  function breakOff(state: LaneState): void {
    const { stretch } = state;
    state.stretch = null;
    if (stretch === null) return;
    stretch.isOpen = false;
    if (stretch.shots > 0 && !stretch.isOld) state.tails.push(stretch);
  }

  function begin(line: SessionLine): void {
    for (const state of lanes.values()) {
      breakOff(state);
      state.moved = null;
      state.faster = null;
      state.fired.clear();
    }
    session++;
    origin = line.origin ?? "";
    accepts = line.accept_speed ?? false;
    isWatched = Boolean(line.watch);
    if (line.watch) {
      share = line.watch.share;
      everyS = line.watch.every_s;
    }
  }

  /** Makes a sentinel the reference of its lane; those of other shots, and of lanes that are not there, are void. */
  function rebase(sentinel: string, lane: string, { timeUs, clockMhz }: Reading): void {
    const known = references.get(sentinel)!;
    const base = { timeUs, clockMhz, session, isOld: false };
    for (const other of references.keys()) {
      if (other === sentinel) continue;
      references.delete(other);
      bases.set(other, null);
    }
    for (const other of known.keys()) if (!lanes.get(other)?.fired.has(sentinel)) known.delete(other);
    known.set(lane, base);
    bases.set(sentinel, base);
  }

  /** Finds out what a sentinel is held against; returns what is new with it. */
  function refer(line: SentinelLine, sentinel: string, lane: string, reading: Reading): Verdict["news"] {
    const state = lanes.get(lane)!;
    const isFirst = !state.fired.has(sentinel);
    state.fired.add(sentinel);
    let known = references.get(sentinel);
    if (known === undefined) references.set(sentinel, known = new Map());
    const { timeUs, clockMhz } = reading;
    if (isOld(line)) {
      const before = known.get(lane);
      const drift = line.drift ?? 0;
      known.set(lane, {
        timeUs: timeUs / (1 + drift),
        clockMhz: drift === 0 || before === undefined ? clockMhz : before.clockMhz,
        ...{ session, isOld: true },
      });
      return;
    }
    const own = known.get(lane);
    const held = own === undefined
      ? [...known.values()].filter((reference) => reference.session < session)
      : [own];
    if (held.length === 0) {
      // A device that had moved when its degree before ended is no measure for the next one.
      if (state.moved) return;
      const isUnlike = known.size === 0 && hasReference(line.tp, session);
      // A clock is the same thing at every degree.
      const first = { timeUs, clockMhz: clockOf(lane) ?? clockMhz, session, isOld: false };
      known.set(lane, first);
      if (bases.get(sentinel) === null) bases.set(sentinel, first);
      return isUnlike ? "unlike" : undefined;
    }
    const fitting = held.find((reference) => fits(reading, reference, clocksOf(reading)));
    if (fitting !== undefined) {
      state.faster = null;
      known.set(lane, fitting);
      return;
    }
    if (accepts && isFirst) {
      epoch++;
      rebase(sentinel, lane, reading);
      return "accepted";
    }
    const best = Math.min(...held.map((reference) => reference.timeUs));
    const { faster } = state;
    state.faster = timeUs / best - 1 < -share ? reading : null;
    if (state.faster !== null && faster !== null && Math.abs(timeUs / faster.timeUs - 1) <= share) {
      state.faster = null;
      rebase(sentinel, lane, faster);
    }
    if (!isFirst || held.every((reference) => reference.session === session)) return;
    return timeUs > best ? "slower" : "faster";
  }

  /** The clock of a lane's references. */
  function clockOf(lane: string): number | null {
    const known = [...references.values()].flatMap((byLane) => byLane.get(lane)?.clockMhz ?? []);
    return known[0] ?? null;
  }

  /** Whether a degree has a reference that was set before a writer. */
  function hasReference(tp: number, before = Infinity): boolean {
    const prefix = `attention tp${tp} `;
    return [...references].some(([text, known]) =>
      text.startsWith(prefix) && [...known.values()].some((reference) => reference.session < before)
    );
  }

  function sentinel(line: SentinelLine): void {
    const state = laneOf(line.lane);
    const lane = nameOf(line.lane);
    const text = shotText(line);
    const reading = readingOf(line);
    keys.set(line.tp, line.key);
    const news = refer(line, text, lane, reading);
    const stretch: Stretch = {
      ...{
        lane,
        sentinel: text,
        before: reading,
        after: null,
        isOpen: true,
        isOld: isOld(line),
        epoch,
        shots: 0,
      },
    };
    const { stretch: open, tails } = state;
    if (open !== null && (open.sentinel === text || isOld(line))) {
      open.after = reading;
      open.isOpen = false;
    } else breakOff(state);
    for (const tail of tails) {
      if (tail.sentinel === text && isSoon(tail.before, reading)) tail.after = reading;
    }
    state.tails = [];
    state.stretch = stretch;
    const reference = nearest(text, lane, reading);
    // Without a reference the device is as far off as it was.
    const drift = line.drift ?? (reference === null ? verdict!.drift : reading.timeUs / reference.timeUs - 1);
    state.moved = endedOff(stretch, reading);
    drifts.push(drift);
    const clockMhz = farthest(reading, reference?.clockMhz ?? null);
    verdict = { drift, moved: state.moved, clockMhz, ...news && { news } };
  }

  /** Whether a sentinel after a break came so soon that what lies between is as well watched as without one. */
  function isSoon(before: Reading | null, { atS }: Reading): boolean {
    const beforeS = before?.atS ?? null;
    if (beforeS === null || atS === null) return false;
    return atS >= beforeS && atS - beforeS <= BREAK_INTERVALS * everyS;
  }

  /** The reference that a sentinel is closest to; null when there is none. */
  function nearest(text: string, lane: string, { timeUs }: Reading): Reference | null {
    const distance = (reference: Reference): number => Math.abs(timeUs / reference.timeUs - 1);
    return referencesFor(text, lane).toSorted((a, b) => distance(a) - distance(b))[0] ?? null;
  }

  function forget(text: string): void {
    const stretch = last.get(text);
    if (stretch) stretch.shots--;
    last.delete(text);
    earlier.delete(text);
  }

  function measured({ tp, lane, ...shot }: ShotLine): void {
    const text = shotText({ ...shot, tp });
    const stretch = laneOf(lane).stretch ?? (isWatched && hasReference(tp) ? blind : null);
    const before = last.get(text);
    if (before !== undefined) {
      if (isDoubtful(before)) again++;
      if (before !== null) before.shots--;
      earlier.set(text, [...earlier.get(text) ?? [], before]);
    }
    last.set(text, stretch);
    if (stretch !== null) stretch.shots++;
  }

  const has = (text: string): boolean => isDoubtful(last.get(text) ?? null);
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
          return forget(shotText(line));
        case "shot":
          return measured(line);
      }
    },
    get verdict(): Verdict | null {
      return verdict;
    },
    end(): void {
      for (const state of lanes.values()) {
        if (state.stretch !== null && state.stretch.shots > 0) breakOff(state);
      }
    },
    has,
    isDue(text): boolean {
      if (!has(text)) return false;
      const marks = [...earlier.get(text) ?? [], last.get(text)!]
        .filter((stretch) => stretch !== null && stretch.epoch === epoch && hasMoved(stretch));
      return marks.length <= MOST_AGAIN;
    },
    awaits(lane, from): boolean {
      const { stretch, tails } = lanes.get(nameOf(lane, from ?? "")) ?? { stretch: null, tails: [] };
      return tails.length > 0 || (stretch !== null && stretch.shots > 0);
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
      return new Set([...last.values()].filter((stretch) => stretch !== null && stretch.shots > 0)).values()
        .reduce((sum, stretch) => sum + (isDoubtful(stretch) ? stretch!.shots : 0), 0);
    },
    get again(): number {
      return again;
    },
    drifts,
  };
}

/** Format 1 has what follows from a sentinel beside it. */
function isOld({ moved }: SentinelLine): boolean {
  return moved !== undefined;
}

function clocksOf({ clockMhz, lowMhz, highMhz }: Reading): (number | null)[] {
  return [clockMhz, lowMhz, highMhz];
}

function farthest({ clockMhz, lowMhz, highMhz }: Reading, usualMhz: number | null): number | null {
  if (lowMhz === null || highMhz === null) return clockMhz;
  const middle = usualMhz ?? clockMhz ?? lowMhz;
  return Math.abs(highMhz - middle) > Math.abs(lowMhz - middle) ? highMhz : lowMhz;
}

function readingOf({ samples, clock_mhz, clocks_mhz, at_s, moved }: SentinelLine): Reading {
  const [low, high] = clocks_mhz ?? [clock_mhz, clock_mhz];
  const timeUs = sentinelTimeUs(samples);
  return { timeUs, clockMhz: clock_mhz, lowMhz: low, highMhz: high, atS: at_s ?? null, moved };
}
