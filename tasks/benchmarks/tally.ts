/**
 * What a journal tells of a run beside its rows: how many shots were fired, how long it had the device, and what that
 * was like.
 *
 * @module
 */
import type { JournalLine } from "../../src/journal/line.ts";
import type { SweepCategory } from "../../src/shots/shot.ts";

/** Smallest and largest reading. */
export interface Range {
  /** The smallest. */
  readonly least: number;
  /** The largest. */
  readonly most: number;
}

/** The readings of a device's state. */
export const READINGS = ["sm_clock_mhz", "memory_clock_mhz", "temperature_c", "power_w"] as const;

/** What a journal tells. */
export interface Tally {
  /** Shots that were fired, by `tp<N>` and category; those that were measured again count again. */
  readonly fired: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** How often measuring was begun. */
  readonly sessions: number;
  /**
   * Seconds that the sessions took, each from its begin, or its first reading when that is earlier, to its last; null
   * when the device did not tell.
   */
  readonly deviceS: number | null;
  /** Ranges of the readings that the device told. */
  readonly readings: Readonly<Partial<Record<typeof READINGS[number], Range>>>;
  /** How many of them there are. */
  readonly states: number;
  /** Reasons for which the device was slowed down. */
  readonly throttle: readonly string[];
  /** The settings of the first session. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * Tallies a journal.
 *
 * @param lines Its lines, in their order.
 * @param begunAt When measuring was first begun, ISO 8601.
 * @returns What they tell.
 *
 * @example
 * ```ts
 * import { tally } from "./tally.ts";
 * import assert from "node:assert/strict";
 * const shot = { type: "shot", category: "dense", tp: 1, key: [16], samples: { embedding: [3, 3, 3] } } as const;
 * assert.deepEqual(tally([shot, shot], "2026-03-01T09:30:00Z").fired, { tp1: { dense: 2 } });
 * ```
 */
export function tally(lines: Iterable<JournalLine>, begunAt: string): Tally {
  const fired: Record<string, Partial<Record<SweepCategory, number>>> = {};
  const readings: Partial<Record<typeof READINGS[number], Range>> = {};
  const throttle = new Set<string>();
  const spans: { begin: number; end: number | null }[] = [];
  let states = 0;
  let settings: Readonly<Record<string, unknown>> | undefined;
  for (const line of lines) {
    if (line.type === "session") {
      const begin = Date.parse(spans.length === 0 ? begunAt : line.started) / 1000;
      spans.push({ begin, end: null });
      settings ??= line.settings;
    } else if (line.type === "shot") {
      const part = fired[`tp${line.tp}`] ??= {};
      part[line.category] = (part[line.category] ?? 0) + 1;
    } else if (line.type === "state") {
      states++;
      for (const name of READINGS) {
        const value = line[name];
        if (value !== null) readings[name] = widened(readings[name], value);
      }
      for (const reason of line.throttle) throttle.add(reason);
      const span = spans.at(-1);
      if (span === undefined || line.at_s === undefined) continue;
      span.begin = Math.min(span.begin, line.at_s);
      span.end = line.at_s;
    }
  }
  const told = spans.filter(({ end }) => end !== null);
  return {
    fired,
    sessions: spans.length,
    deviceS: told.length === 0 ? null : told.reduce((sum, { begin, end }) => sum + end! - begin, 0),
    readings,
    states,
    throttle: [...throttle].sort(),
    settings: settings ?? {},
  };
}

function widened(range: Range | undefined, value: number): Range {
  if (range === undefined) return { least: value, most: value };
  return { least: Math.min(range.least, value), most: Math.max(range.most, value) };
}
