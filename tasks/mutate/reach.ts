/**
 * Which lines a test runs: a fault in another line is none that it could notice.
 *
 * @module
 */

/** Lines that a test loads and does not run, from 1, by the source's path; a source that it does not load is absent. */
export type Reach = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Reads what `deno coverage --lcov` says of one test.
 *
 * @param lcov Its output.
 * @param root The folder that paths are to be relative to, with its last slash.
 * @returns The lines.
 *
 * @example
 * ```ts
 * import { reaches, readReach } from "./reach.ts";
 * import assert from "node:assert/strict";
 * const reach = readReach("SF:/p/src/a.ts\nDA:1,4\nDA:2,0\nend_of_record\n", "/p/");
 * assert.deepEqual([1, 2, 3].map((line) => reaches(reach, "src/a.ts", line)), [true, false, true]);
 * assert.equal(reaches(reach, "src/b.ts", 1), false);
 * ```
 */
export function readReach(lcov: string, root: string): Reach {
  const reach = new Map<string, Set<number>>();
  for (const record of lcov.split("end_of_record\n")) {
    const path = /^SF:(.*)$/m.exec(record)?.[1];
    if (path === undefined || !path.startsWith(root)) continue;
    const idle = [...record.matchAll(/^DA:(\d+),0$/gm)].map(([, line]) => Number(line));
    reach.set(path.slice(root.length), new Set(idle));
  }
  return reach;
}

/**
 * Whether a test runs a line, or one of which nothing is known in a source that it loads.
 *
 * @param reach What the test runs.
 * @param path The source.
 * @param line The line, from 1.
 * @returns Whether it does.
 */
export function reaches(reach: Reach, path: string, line: number): boolean {
  return reach.get(path)?.has(line) === false;
}
