/**
 * The parts of the test suite, and how long they take.
 *
 * @module
 */

/** Tests that are run together. */
export interface Part {
  /** What is tested. */
  readonly title: string;
  /** Name of its report. */
  readonly name: string;
  /** What it takes on two cores with AVX2 and nothing beside, in seconds. */
  readonly usualS: number;
  /** The command, but for the program; `REPORT` stands for the file that counts are written to. */
  readonly args: readonly string[];
  /** The program. */
  readonly program: "deno" | "python";
}

const DENO_TEST = ["test", "-A", "--sanitize-ops", "--sanitize-resources", "--junit-path=REPORT"];
/** Tests that change what their whole process shares with others beside them, or that count on its signals. */
const BY_THEMSELVES = [
  "tests/harness/open_test.ts",
  "tests/harness/transport_test.ts",
  "tests/cli/interrupt_test.ts",
  "tests/cli/process_test.ts",
  "tests/run/read_only_folder_test.ts",
];
const APART = ["tests/notebooks", "tests/browser", ...BY_THEMSELVES];

/** All of them, in their order. */
export const PARTS: readonly Part[] = [
  {
    title: "SDK, command line, and examples in the documentation",
    name: "deno",
    usualS: 200,
    program: "deno",
    args: [...DENO_TEST, "--doc", "--parallel", `--ignore=${APART.join()}`],
  },
  {
    title: "worker with vLLM's CPU engine",
    name: "pytest",
    usualS: 165,
    program: "python",
    args: ["-m", "pytest", "-q", "tests", "--junit-xml=REPORT"],
  },
  {
    title: "notebooks, and processes",
    name: "notebooks",
    usualS: 110,
    program: "deno",
    args: [...DENO_TEST, "tests/notebooks", ...BY_THEMSELVES],
  },
  { title: "browser", name: "browser", usualS: 30, program: "deno", args: [...DENO_TEST, "tests/browser"] },
];

/**
 * The line that a part begins with.
 *
 * @param parts All parts.
 * @param tookS What the parts before it took, in seconds.
 * @returns Its number, title, and the time that is left, judged by how fast the parts before it were.
 *
 * @example
 * ```ts
 * import { partLine, PARTS } from "./parts.ts";
 * import assert from "node:assert/strict";
 * assert.match(partLine(PARTS, []), /^\[1\/4\] SDK, .*: about 8 min left, if this machine is like two AVX2 cores$/);
 * ```
 */
export function partLine(parts: readonly Pick<Part, "title" | "usualS">[], tookS: readonly number[]): string {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const usual = parts.map(({ usualS }) => usualS);
  const number = tookS.length + 1;
  const known = tookS.length > 0;
  const pace = known ? sum(tookS) / sum(usual.slice(0, tookS.length)) : 1;
  const left = timeText(pace * sum(usual.slice(tookS.length)));
  const unless = known ? "" : ", if this machine is like two AVX2 cores";
  return `[${number}/${parts.length}] ${parts[number - 1]!.title}: about ${left} left${unless}`;
}

function timeText(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds / 10) * 10} s` : `${Math.round(seconds / 60)} min`;
}
