/**
 * When the requests of a load arrive: by the clock, when others have ended, or so many at any time.
 *
 * @module
 */
import type { Load } from "./load.ts";

/** The requests that have not arrived yet. Times are in microseconds from the load's start. */
export interface Arrivals {
  /** Place of the next request that has arrived by a time, null when there is none. */
  next(nowUs: number): number | null;
  /** When the one that was last given arrived. */
  readonly atUs: number;
  /** When the next one arrives, null when none does before another ends. */
  nextUs(): number | null;
  /** Tells that a request has ended. */
  ended(place: number, nowUs: number): void;
}

/**
 * The arrivals of a load.
 *
 * @param load The load.
 * @returns The arrivals.
 *
 * @example
 * ```ts
 * import { arrivalsOf } from "./arrivals.ts";
 * import assert from "node:assert/strict";
 * const requests = [0, 1, 2].map((arrivalS) => ({ arrivalS, inputTokens: 8, outputTokens: 8 }));
 * const arrivals = arrivalsOf({ name: "three", requests, concurrency: null });
 * assert.deepEqual([arrivals.next(500_000), arrivals.next(500_000), arrivals.nextUs()], [0, null, 1_000_000]);
 * ```
 */
export function arrivalsOf({ requests, concurrency }: Load): Arrivals {
  const byClock = requests.flatMap(({ after }, place) =>
    concurrency === null && after !== undefined ? [] : [place]
  );
  const followers = concurrency === null
    ? Map.groupBy(
      requests.flatMap(({ after }, place) => after === undefined ? [] : [{ after, place }]),
      ({ after }) => after,
    )
    : new Map<number, { place: number }[]>();
  /** Requests whose predecessor has ended, by arrival. */
  const released: { place: number; atUs: number }[] = [];
  let at = 0;
  let open = concurrency ?? 0;
  let freedUs = 0;
  let atUs = 0;

  const clockUs = (): number | null => {
    const place = byClock[at];
    if (place === undefined) return null;
    if (concurrency === null) return requests[place]!.arrivalS * 1e6;
    return open > 0 ? freedUs : null;
  };

  return {
    get atUs() {
      return atUs;
    },
    nextUs(): number | null {
      const times = [clockUs(), released[0]?.atUs ?? null].filter((time) => time !== null);
      return times.length === 0 ? null : Math.min(...times);
    },
    next(nowUs): number | null {
      const clock = clockUs();
      const follower = released[0];
      if (follower !== undefined && follower.atUs <= nowUs && (clock === null || follower.atUs < clock)) {
        released.shift();
        atUs = follower.atUs;
        return follower.place;
      }
      if (clock === null || clock > nowUs) return null;
      atUs = clock;
      open--;
      return byClock[at++]!;
    },
    ended(place, nowUs): void {
      open++;
      freedUs = nowUs;
      for (const follower of followers.get(place) ?? []) {
        const entry = { place: follower.place, atUs: nowUs + requests[follower.place]!.arrivalS * 1e6 };
        const before = released.findLastIndex((other) => other.atUs <= entry.atUs);
        released.splice(before + 1, 0, entry);
      }
    },
  };
}
