/**
 * How long a device works on a list of jobs when each goes to whichever slot is free first.
 *
 * @module
 */

/** Equal jobs that follow each other in the list. */
export type Jobs = readonly [length: number, count: number];

/** Lent to one schedule after the other: a new one for each would take longer than most schedules. */
let lent = new Int32Array();

function emptied(length: number): Int32Array {
  if (lent.length < length) lent = new Int32Array(2 * length);
  else lent.fill(0, 0, length);
  return lent;
}

/**
 * The end of a greedy list schedule (Graham, "Bounds for certain multiprocessing anomalies", 1966): each job, in the
 * order of the list, goes to the slot that is free first.
 *
 * @param jobs The list: runs of equal jobs, lengths in whole units of time.
 * @param slots How many slots work side by side.
 * @param options How many times the list is gone through, and what each job takes beside its length.
 * @returns When the last job ends, in the same units.
 *
 * @example
 * ```ts
 * import { listSchedule } from "./list_schedule.ts";
 * import assert from "node:assert/strict";
 * assert.equal(listSchedule([[3, 1], [2, 3]], 2), 5); // 3 and 2 beside 2 and 2
 * ```
 */
export function listSchedule(
  jobs: readonly Jobs[],
  slots: number,
  { times = 1, overhead = 0 }: { readonly times?: number; readonly overhead?: number } = {},
): number {
  let work = 0;
  let longest = 0;
  for (const [length, count] of jobs) {
    work += times * (length + overhead) * count;
    if (count > 0) longest = Math.max(longest, length + overhead);
  }
  /** How many slots get free at each time; no job ends later than when the others' work is spread evenly before it. */
  const free = emptied(Math.floor(work / slots) + longest + 1);
  free[0] = slots;
  let now = 0;
  let end = 0;
  for (let time = 0; time < times; time++) {
    for (let job = 0; job < jobs.length; job++) {
      const length = jobs[job]![0] + overhead;
      for (let left = length > 0 ? jobs[job]![1] : 0; left > 0;) {
        while (free[now] === 0) now++;
        const taken = Math.min(free[now]!, left);
        free[now]! -= taken;
        free[now + length]! += taken;
        end = Math.max(end, now + length);
        left -= taken;
      }
    }
  }
  return end;
}
