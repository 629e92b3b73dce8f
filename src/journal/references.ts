/**
 * What sentinels are held against.
 *
 * @module
 */
import { shotText } from "../shots/shot_id.ts";
import type { SentinelLine, SessionLine } from "./line.ts";
import { clockMoved, clocksOf, leastClock, type Reading } from "./sentinel.ts";

/**
 * What is new with a sentinel: `slower` or `faster` than the journal's reference at the first sentinel of a writer,
 * `accepted` when it became the reference because the user said so, `unlike` when the journal has sentinels of the same
 * tensor-parallel degree, but none of this shot, so that speeds then and now cannot be compared.
 */
export type News = "slower" | "faster" | "accepted" | "unlike";

/** What a lane's sentinels are held against. */
export interface Reference {
  readonly timeUs: number;
  readonly clockMhz: number | null;
  /** The fastest clock that a sentinel held against it began at; null when that is not known. */
  readonly beganMhz: number | null;
  /** Which writer set it. */
  readonly session: number;
  /** Whether a writer of format 1 did. */
  readonly isOld: boolean;
}

/** The references of all lanes. */
export interface References {
  /** A writer begins. */
  begin(line: SessionLine): void;
  /**
   * Takes the next sentinel.
   *
   * @param line Its line.
   * @param lane Its lane, of all journals that lines were taken from.
   * @param reading What the line says.
   * @param hadMoved Whether the lane had moved at the sentinel before, of this writer.
   * @returns What is new with it; undefined when nothing is.
   */
  take(line: SentinelLine, lane: string, reading: Reading, hadMoved: boolean): News | undefined;
  /** Whether a sentinel disagrees with what it is held against, in its time or its clocks. */
  hasMoved(sentinel: string, lane: string, reading: Reading): boolean;
  /** Whether a sentinel disagrees with what it is held against, in its time or in some clocks. */
  isOff(sentinel: string, lane: string, reading: Reading, clocks: readonly (number | null)[]): boolean;
  /** Whether its time differs from what it is held against by more than the clock that it began at explains. */
  isUnexplained(sentinel: string, lane: string, reading: Reading): boolean;
  /** The lowest clock in MHz that a shot of a lane may begin at; null when it is not known. */
  leastMhz(sentinel: string, lane: string): number | null;
  /** Whether what a lane's sentinels are held against was set by a writer of format 1. */
  isOld(sentinel: string, lane: string): boolean;
  /** The reference that a sentinel is closest to; null when there is none. */
  nearest(sentinel: string, lane: string, reading: Reading): Reference | null;
  /** Whether a tensor-parallel degree has a reference. */
  has(tp: number): boolean;
  /** How often a speed was accepted. */
  readonly epoch: number;
}

/** What a lane has fired of the present writer. */
interface Fired {
  /** Its sentinels. */
  readonly sentinels: Set<string>;
  /** A sentinel that was faster than the reference, when it was the last one. */
  faster: Reading | null;
}

/**
 * Begins without references.
 *
 * A lane is held against its own first sentinel of the same shot, whichever writer fired it; a lane that is new to a
 * journal, against those of the lanes before. One that was faster by more than the share takes the reference's place
 * once the next is as fast: then the device was not at its best before. Where the present writer set that reference, it
 * says so of what this writer measured alone. A single fast one is an outlier, which a kernel of two speeds has every now
 * and then. A slower one takes it when the writer accepts the speed.
 *
 * @param shareOf The share by which a sentinel's time may move, as it is now.
 * @returns The references.
 */
export function newReferences(shareOf: () => number): References {
  let session = 0;
  let epoch = 0;
  let accepts = false;
  const references = new Map<string, Map<string, Reference>>();
  // For lanes whose reference is void: the one that took its place; null until there is one.
  const bases = new Map<string, Reference | null>();
  const fired = new Map<string, Fired>();

  function firedOn(lane: string): Fired {
    let own = fired.get(lane);
    if (own === undefined) fired.set(lane, own = { sentinels: new Set(), faster: null });
    return own;
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
    return Math.abs(reading.timeUs / reference.timeUs - 1) <= shareOf() &&
      !clocks.some((clock) => clockMoved(reference.clockMhz, clock));
  }

  /** Whether a sentinel agrees with a reference: by the clock that it began at where both are known. */
  function stands(reading: Reading, reference: Reference): boolean {
    const { beganMhz } = reading;
    if (beganMhz === null || reference.beganMhz === null) {
      return fits(reading, reference, clocksOf(reading));
    }
    return fits(reading, reference, []) && beganMhz >= leastClock(reference.beganMhz);
  }

  /** Whether a sentinel's time is the reference's, or longer by no more than its clock was lower. */
  function isExplained({ timeUs, beganMhz }: Reading, reference: Reference): boolean {
    const lower = Math.max(1, (reference.beganMhz ?? 0) / (beganMhz ?? Infinity));
    const ratio = timeUs / reference.timeUs;
    return ratio - 1 >= -shareOf() && ratio / lower - 1 <= shareOf();
  }

  /**
   * Makes a sentinel the reference of its lane; those of other shots, and of lanes that are not there, are void.
   *
   * What an earlier writer set stays where the present one had set the reference itself.
   */
  function rebase(sentinel: string, lane: string, { timeUs, clockMhz, beganMhz }: Reading): void {
    const known = references.get(sentinel)!;
    const first = known.get(lane)?.session === session ? session : 0;
    const base = { timeUs, clockMhz, beganMhz, session, isOld: false };
    for (const [other, byLane] of references) {
      if (other === sentinel) continue;
      for (const [each, reference] of byLane) if (reference.session >= first) byLane.delete(each);
      if (byLane.size > 0) continue;
      references.delete(other);
      bases.set(other, null);
    }
    for (const other of known.keys()) if (!fired.get(other)?.sentinels.has(sentinel)) known.delete(other);
    known.set(lane, base);
    bases.set(sentinel, base);
  }

  function take(line: SentinelLine, lane: string, reading: Reading, hadMoved: boolean): News | undefined {
    const news = hold(line, lane, reading, hadMoved);
    const known = references.get(shotText(line))!;
    const own = known.get(lane);
    if (own !== undefined && reading.beganMhz !== null) {
      const fastestMhz = own.beganMhz ?? (stands(reading, own) ? 0 : Infinity);
      if (reading.beganMhz > fastestMhz) known.set(lane, { ...own, beganMhz: reading.beganMhz });
    }
    return news;
  }

  function hold(line: SentinelLine, lane: string, reading: Reading, hadMoved: boolean): News | undefined {
    const sentinel = shotText(line);
    const state = firedOn(lane);
    const isFirst = !state.sentinels.has(sentinel);
    state.sentinels.add(sentinel);
    let known = references.get(sentinel);
    if (known === undefined) references.set(sentinel, known = new Map());
    const { timeUs, clockMhz } = reading;
    if (line.moved !== undefined) {
      const before = known.get(lane);
      const drift = line.drift ?? 0;
      known.set(lane, {
        timeUs: timeUs / (1 + drift),
        clockMhz: drift === 0 || before === undefined ? clockMhz : before.clockMhz,
        ...{ beganMhz: null, session, isOld: true },
      });
      return;
    }
    const own = known.get(lane);
    const held = own === undefined
      ? [...known.values()].filter((reference) => reference.session < session)
      : [own];
    if (held.length === 0) {
      // A device that had moved when its degree before ended is no measure for the next one.
      if (hadMoved) return;
      const isUnlike = known.size === 0 && hasReference(line.tp, session);
      // A clock is the same thing at every degree.
      const { clockMhz: usualMhz = clockMhz, beganMhz = null } = ofLane(lane);
      const first = { timeUs, clockMhz: usualMhz, beganMhz, session, isOld: false };
      known.set(lane, first);
      if (bases.get(sentinel) === null) bases.set(sentinel, first);
      return isUnlike ? "unlike" : undefined;
    }
    const fitting = held.find((reference) => stands(reading, reference));
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
    state.faster = timeUs / best - 1 < -shareOf() ? reading : null;
    if (state.faster !== null && faster !== null && Math.abs(timeUs / faster.timeUs - 1) <= shareOf()) {
      state.faster = null;
      rebase(sentinel, lane, faster);
    }
    if (!isFirst || held.every((reference) => reference.session === session)) return;
    return timeUs > best ? "slower" : "faster";
  }

  /** The clocks of a lane's references at other degrees. */
  function ofLane(lane: string): { clockMhz?: number; beganMhz?: number } {
    const known = [...references.values()].flatMap((byLane) => byLane.get(lane) ?? []);
    const [clockMhz] = known.flatMap(({ clockMhz }) => clockMhz ?? []);
    const began = known.flatMap(({ beganMhz }) => beganMhz ?? []);
    return {
      ...clockMhz !== undefined && { clockMhz },
      ...began.length > 0 && { beganMhz: Math.max(...began) },
    };
  }

  /** Whether a degree has a reference that was set before a writer. */
  function hasReference(tp: number, before = Infinity): boolean {
    const prefix = `attention tp${tp} `;
    return [...references].some(([text, known]) =>
      text.startsWith(prefix) && [...known.values()].some((reference) => reference.session < before)
    );
  }

  function nearest(text: string, lane: string, { timeUs }: Reading): Reference | null {
    const distance = (reference: Reference): number => Math.abs(timeUs / reference.timeUs - 1);
    return referencesFor(text, lane).toSorted((a, b) => distance(a) - distance(b))[0] ?? null;
  }

  return {
    begin(line): void {
      session++;
      accepts = line.accept_speed ?? false;
      fired.clear();
    },
    take,
    hasMoved: (sentinel, lane, reading) =>
      !referencesFor(sentinel, lane).some((reference) => stands(reading, reference)),
    isOff: (sentinel, lane, reading, clocks) =>
      !referencesFor(sentinel, lane).some((reference) => fits(reading, reference, clocks)),
    isUnexplained: (sentinel, lane, reading) =>
      !referencesFor(sentinel, lane).some((reference) => isExplained(reading, reference)),
    leastMhz(sentinel, lane): number | null {
      const began = referencesFor(sentinel, lane).flatMap(({ beganMhz }) => beganMhz ?? []);
      return began.length === 0 ? null : leastClock(Math.min(...began));
    },
    isOld: (sentinel, lane) => references.get(sentinel)?.get(lane)?.isOld ?? false,
    nearest,
    has: (tp) => hasReference(tp),
    get epoch(): number {
      return epoch;
    },
  };
}
