import assert from "node:assert/strict";
import { type Jobs, listSchedule } from "../../src/adaptive/list_schedule.ts";

const CASES: readonly (readonly [name: string, jobs: readonly Jobs[], slots: number, end: number])[] = [
  ["nothing to do", [], 4, 0],
  ["a job of no length", [[0, 5]], 4, 0],
  ["fewer jobs than slots", [[7, 3]], 4, 7],
  ["two waves", [[7, 5]], 4, 14],
  ["a long job last", [[1, 4], [9, 1]], 2, 11],
  ["a long job first", [[9, 1], [1, 4]], 2, 9],
  ["the order of the list is kept", [[3, 1], [2, 3], [4, 4], [9, 1]], 3, 16],
];

for (const [name, jobs, slots, end] of CASES) {
  Deno.test(`listSchedule: ${name}`, () => assert.equal(listSchedule(jobs, slots), end));
}

Deno.test("listSchedule: ends as when every job is placed by itself", () => {
  const jobs: readonly Jobs[] = [[5, 3], [2, 7], [11, 2], [1, 9], [4, 4]];
  for (const slots of [1, 2, 3, 5, 8]) {
    const free = new Array<number>(slots).fill(0);
    for (const [length, count] of jobs) {
      for (let i = 0; i < count; i++) free[free.indexOf(Math.min(...free))]! += length;
    }
    assert.equal(listSchedule(jobs, slots), Math.max(...free), `${slots} slots`);
    assert.equal(
      listSchedule(jobs, slots, { times: 3 }),
      listSchedule([...jobs, ...jobs, ...jobs], slots),
      `${slots} slots`,
    );
    assert.equal(
      listSchedule(jobs, slots, { overhead: 2 }),
      listSchedule(jobs.map(([length, count]) => [length + 2, count]), slots),
      `${slots} slots`,
    );
  }
});
