// deno-lint-ignore-file no-console
/**
 * Whether the tests notice: puts random faults into `src`, one at a time in a copy of the project, runs the tests of
 * the file's room and its own examples, and prints the share that they catch. `mutate --seed 1 --count 100 --room predict`; the same seed
 * gives the same faults as long as the sources stay as they are.
 *
 * A fault that the compiler refuses is left out. One that survives may be no fault at all, as where a default is never
 * used: read the list.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { draw, randomFrom } from "../src/random.ts";
import { type Mutant, mutants } from "./mutate/mutants.ts";
import { readModules, roomOf } from "./structure.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Tests of rooms that have others than a folder of their own, separated by blanks. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  roofline: "tests/roofline tests/harness/estimate",
  events: "tests/progress",
};
/** What a copy needs; everything else is large or made anew. */
const COPIED = ["src", "tests", "tasks", "harness", "configs", "examples", "docs", "deno.json", "deno.lock"];
const LINKED = ["node_modules", "perf", "notebooks", ".venv", "README.md"];
/** How much longer than with the source as it is a room's tests may take, and the least of it in seconds. */
const PATIENCE = { times: 3, leastS: 30 };

const { values: { seed, count, room } } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100" },
    room: { type: "string" },
  },
});

/** A fault in its file. */
type Placed = Mutant & { readonly path: string; readonly room: string; readonly tests: string };

/** How long the tests took without a fault, in seconds. */
const tookS = new Map<string, number>();
const copy = await Deno.makeTempDir({ prefix: "mutate-" });
try {
  for (const name of COPIED) await cp(`${ROOT}${name}`, `${copy}/${name}`, { recursive: true });
  for (const entry of Deno.readDirSync(ROOT)) {
    if (entry.name.endsWith(".ts")) await Deno.copyFile(`${ROOT}${entry.name}`, `${copy}/${entry.name}`);
  }
  for (const name of LINKED) {
    if (existsSync(`${ROOT}${name}`)) await Deno.symlink(`${ROOT}${name}`, `${copy}/${name}`);
  }

  const places = await faults();
  const chosen = draw(Int32Array.from(places.keys()), Number(count), randomFrom(Number(seed)));
  const tally = new Map<string, { caught: number; all: number }>();
  for (const at of chosen) {
    const fault = places[at]!;
    const limitS = await patience(fault.tests);
    const verdict = await judge(fault, limitS);
    console.log(`${verdict.padEnd(8)} ${fault.path}:${fault.line} ${fault.operator}: ${fault.change}`);
    if (verdict === "refused") continue;
    const { caught, all } = tally.get(fault.room) ?? { caught: 0, all: 0 };
    tally.set(fault.room, { caught: caught + (verdict === "survived" ? 0 : 1), all: all + 1 });
  }
  const total = { caught: 0, all: 0 };
  for (const [name, { caught, all }] of [...tally].sort()) {
    console.log(
      `${name.padEnd(12)} ${String(caught).padStart(4)} of ${String(all).padStart(4)} caught (${
        share(caught, all)
      })`,
    );
    total.caught += caught;
    total.all += all;
  }
  console.log(
    `${"all".padEnd(12)} ${total.caught} of ${total.all} caught (${share(total.caught, total.all)})`,
  );
} finally {
  await Deno.remove(copy, { recursive: true });
}

/** How long the tests of a room may take; that they are green without a fault is a condition. */
async function patience(tests: string): Promise<number> {
  if (!tookS.has(tests)) {
    const begun = performance.now();
    if (await run(["test", "-A", "--quiet", "--no-check", ...tests.split(" ")], 600) !== "passed") {
      throw new Error(`${tests} fails without any fault`);
    }
    tookS.set(tests, (performance.now() - begun) / 1000);
  }
  return Math.max(PATIENCE.leastS, PATIENCE.times * tookS.get(tests)!);
}

/** Whether the tests of a room notice, and if not, whether the compiler would. */
async function judge({ path, text, tests }: Placed, limitS: number): Promise<string> {
  const file = `${copy}/${path}`;
  const before = await Deno.readTextFile(file);
  try {
    await Deno.writeTextFile(file, text);
    const tested = await run(
      ["test", "-A", "--quiet", "--no-check", "--doc", "--fail-fast", ...tests.split(" "), path],
      limitS,
    );
    if (tested !== "passed") return tested === "failed" ? "caught" : "endless";
    return await run(["check", "--quiet", path], 600) === "passed" ? "survived" : "refused";
  } finally {
    await Deno.writeTextFile(file, before);
  }
}

/** All faults of the files whose room has tests. */
async function faults(): Promise<Placed[]> {
  const found: Placed[] = [];
  for (const { path } of await readModules()) {
    const own = roomOf(path);
    if (own === null || (room !== undefined && own !== room)) continue;
    const single = `tests/${own}_test.ts`;
    const tests = ELSEWHERE[own] ?? (existsSync(`${ROOT}tests/${own}`) ? `tests/${own}` : single);
    if (!tests.split(" ").every((path) => existsSync(`${ROOT}${path}`))) continue;
    const source = await Deno.readTextFile(`${ROOT}${path}`);
    for (const mutant of mutants(source)) found.push({ ...mutant, path, room: own, tests });
  }
  return found;
}

async function run(args: readonly string[], limitS: number): Promise<"passed" | "failed" | "late"> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: copy,
    stdout: "null",
    stderr: "null",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limitS * 1000);
  const { success } = await child.status;
  clearTimeout(timer);
  return late ? "late" : success ? "passed" : "failed";
}

function share(part: number, all: number): string {
  return `${Math.round(100 * part / all)}%`;
}
