// deno-lint-ignore-file no-console
/**
 * Whether the tests notice: puts random faults into the sources, one at a time in a copy of the project, runs the
 * tests that see the file, and prints the share that they catch. `mutate --seed 1 --count 100 --room predict`; the same
 * seed gives the same faults as long as the sources stay as they are. The room `python` is the worker. `--near` asks the
 * tests of the file's room alone, which is quicker.
 *
 * Of those tests only the ones that come to the fault's statement are asked, which probes say without a fault. A fault is
 * caught where a test fails or does not end. One that the compiler refuses is left out, as are those of
 * `mutate/equivalent.json`, which change nothing that anybody could see. One that survives may be of that kind: read
 * the list.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { UsageError } from "../src/errors.ts";
import { draw, randomFrom } from "../src/random.ts";
import equivalent from "./mutate/equivalent.json" with { type: "json" };
import { type Mutant, mutants } from "./mutate/mutants.ts";
import { probed } from "./mutate/reach.ts";
import { type Sight, sightOf, sightOfPython } from "./mutate/sight.ts";
import { runScript } from "./script.ts";
import { readModules, roomOf, ROOMS } from "./structure.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What a copy needs; everything else is large or made anew. */
const COPIED = ["src", "tests", "tasks", "harness", "configs", "examples", "docs"];
const LINKED = ["node_modules", "perf", "notebooks", ".venv", "README.md"];
/** How much longer than without a fault tests may take, and what is added for their start, in seconds. */
const PATIENCE = { times: 5, startS: 60 };

/** A fault in its file. */
type Placed = Mutant & { readonly path: string; readonly room: string; readonly sight: Sight };
/** One that is tried, by its number. */
type Chosen = Placed & { readonly number: number };
type Verdict = "caught" | "far" | "survived" | "refused";

/** What is known of a test file by running it without a fault. */
interface Usual {
  /** How long its tests take, in seconds. */
  readonly tookS: number;
  /** The faults whose place it comes to, by their numbers; null where that is not known, as of Python. */
  readonly reached: ReadonlySet<number> | null;
}

const usual = new Map<string, Usual>();
/** All faults of the files that a test sees, but for those that change nothing. */
async function faults(room: string | undefined): Promise<Placed[]> {
  const known = new Set(equivalent.map(({ path, line, change }) => `${path}|${line}|${change}`));
  const sights = [...sightOf(await readModules()), ...await sightOfPython(ROOT)]
    .map(([path, sight]) => ({ path, sight, own: path.endsWith(".py") ? "python" : roomOf(path)! }))
    .filter(({ sight, own }) =>
      (room === undefined || own === room) && sight.near.length + sight.far.length > 0
    );
  const found = await Promise.all(sights.map(async ({ path, sight, own }) => {
    const source = await Deno.readTextFile(`${ROOT}${path}`);
    const lines = source.split("\n");
    return (path.endsWith(".py") ? await pythonMutants(path) : mutants(source))
      .filter(({ line, change }) => !known.has(`${path}|${lines[line - 1]!.trim()}|${change}`))
      .map((mutant): Placed => ({ ...mutant, path, room: own, sight }));
  }));
  return found.flat();
}

async function pythonMutants(path: string): Promise<Mutant[]> {
  const { stdout, success } = await new Deno.Command(`${ROOT}.venv/bin/python`, {
    args: [`${ROOT}tasks/mutate/mutants.py`, path],
    cwd: ROOT,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${path} cannot be read as Python`);
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Whether tests notice, near ones first, and if not, whether the compiler would. */
async function judge(
  fault: Chosen,
  copy: string,
  { near, chosen }: { readonly near: boolean; readonly chosen: readonly Chosen[] },
): Promise<Verdict> {
  const { path, text, sight } = fault;
  const file = `${copy}/${path}`;
  const before = await Deno.readTextFile(file);
  const isPython = path.endsWith(".py");
  try {
    await Deno.writeTextFile(file, text);
    const examples = text.includes("@example") && !isPython ? [path] : [];
    if (!await pass(copy, [...reaching(fault, sight.near), ...examples])) return "caught";
    if (!isPython && !(await run(copy, ["check", "--quiet", path], 600)).passed) return "refused";
    if (near) return "survived";
    await Deno.writeTextFile(file, before);
    await learn(copy, sight.far, chosen);
    await Deno.writeTextFile(file, text);
    return await pass(copy, reaching(fault, sight.far)) ? "survived" : "far";
  } finally {
    await Deno.writeTextFile(file, before);
  }
}

/** The tests that come to a fault. */
function reaching({ number }: Chosen, tests: readonly string[]): string[] {
  return tests.filter((test) => usual.get(test)?.reached?.has(number) ?? true);
}

/** Measures how long test files take and which faults they come to, and refuses those that fail without any fault. */
async function learn(copy: string, tests: readonly string[], chosen: readonly Chosen[]): Promise<void> {
  const unknown = [...new Set(tests)].filter((path) => !usual.has(path));
  const report = `${copy}/report.xml`;
  const python = unknown.filter((path) => path.endsWith(".py"));
  if (python.length > 0) {
    const { passed } = await run(
      copy,
      ["-m", "pytest", "-q", `--junit-xml=${report}`, ...python],
      1200,
      true,
    );
    const times = await readTimes(report, passed, python);
    for (const path of python) {
      const name = path.replace(/\.py$/, "").replaceAll("/", ".");
      usual.set(path, { tookS: times.get(name) ?? 0, reached: null });
    }
  }
  const others = unknown.filter((path) => !path.endsWith(".py"));
  if (others.length === 0) return;
  const reached = `${copy}/reached`;
  const sources = [...new Set(chosen.map(({ path }) => path))].filter((path) => !path.endsWith(".py"));
  const before = new Map<string, string>();
  for (const path of sources) {
    const source = await Deno.readTextFile(`${copy}/${path}`);
    before.set(path, source);
    const own = chosen.filter((fault) => fault.path === path);
    const places = new Map(own.map(({ number, at }) => [number, at!]));
    await Deno.writeTextFile(`${copy}/${path}`, probed(source, places, reached));
  }
  for (const path of others) {
    await Deno.writeTextFile(reached, "");
    const args = ["test", "-A", "--quiet", "--no-check", `--junit-path=${report}`, path];
    const { passed } = await run(copy, args, 1200);
    const times = await readTimes(report, passed, [path]);
    const numbers = (await Deno.readTextFile(reached)).split("\n").filter(Boolean).map(Number);
    usual.set(path, { tookS: times.get(`./${path}`) ?? 0, reached: new Set(numbers) });
  }
  for (const [path, source] of before) await Deno.writeTextFile(`${copy}/${path}`, source);
}

/** The seconds that tests took by the name of their file, from a report; refuses one with failures. */
async function readTimes(
  report: string,
  passed: boolean,
  paths: readonly string[],
): Promise<Map<string, number>> {
  const text = await Deno.readTextFile(report).catch(() => "");
  if (!passed) {
    const failed = [...text.matchAll(/<testcase [^>]*?name="([^"]*)"[^>]*>\s*<(?:failure|error)/g)];
    throw new Error(
      `Tests fail without any fault: ${failed.map(([, name]) => name).join("; ") || paths.join(" ")}`,
    );
  }
  const times = new Map<string, number>();
  for (const [, of, time] of text.matchAll(/<testcase [^>]*classname="([^"]*)"[^>]* time="([\d.]+)"/g)) {
    times.set(of!, (times.get(of!) ?? 0) + Number(time));
  }
  return times;
}

/** Whether tests pass within their time, the quick ones first, as far as the first failure. */
async function pass(copy: string, paths: readonly string[]): Promise<boolean> {
  if (paths.length === 0) return true;
  const tookS = (path: string): number => usual.get(path)?.tookS ?? 0;
  const tests = [...paths].sort((a, b) => tookS(a) - tookS(b));
  const usualS = tests.reduce((sum, path) => sum + tookS(path), 0);
  const limitS = PATIENCE.startS + PATIENCE.times * usualS;
  const isPython = tests[0]!.endsWith(".py");
  const args = isPython
    ? ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", ...tests]
    : ["test", "-A", "--quiet", "--no-check", "--doc", "--fail-fast", ...tests];
  return (await run(copy, args, limitS, isPython)).passed;
}

async function run(
  copy: string,
  args: readonly string[],
  limitS: number,
  isPython = false,
): Promise<{ passed: boolean }> {
  const child = new Deno.Command(isPython ? `${copy}/.venv/bin/python` : Deno.execPath(), {
    args: [...args],
    cwd: copy,
    // A fault may leave a file as long and as old as it was: no bytecode of it may stay.
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), limitS * 1000);
  const { success } = await child.status;
  clearTimeout(timer);
  return { passed: success };
}

function shareLine(name: string, caught: number, all: number): string {
  return `${name.padEnd(12)} ${String(caught).padStart(4)} of ${String(all).padStart(4)} caught (${
    all === 0 ? "-" : `${Math.round(100 * caught / all)}%`
  })`;
}

const options = {
  seed: { type: "string", default: "1" },
  count: { type: "string", default: "100" },
  room: { type: "string" },
  near: { type: "boolean", default: false },
} as const;
const usage = "mutate [--seed NUMBER] [--count NUMBER] [--room NAME] [--near]";
await runScript({ usage, options }, async ({ seed, count, room, near }) => {
  if (room !== undefined && room !== "python" && !ROOMS.includes(room)) {
    throw new UsageError(`There is no room ${room}; known are python, ${ROOMS.join(", ")}`);
  }
  const copy = await Deno.makeTempDir({ prefix: "mutate-" });
  try {
    for (const name of COPIED) await cp(`${ROOT}${name}`, `${copy}/${name}`, { recursive: true });
    for (const entry of Deno.readDirSync(ROOT)) {
      if (/\.(ts|toml|lock)$|^deno\.json$/.test(entry.name)) {
        await Deno.copyFile(`${ROOT}${entry.name}`, `${copy}/${entry.name}`);
      }
    }
    for (const name of LINKED) {
      if (existsSync(`${ROOT}${name}`)) await Deno.symlink(`${ROOT}${name}`, `${copy}/${name}`);
    }

    const places = await faults(room);
    const chosen = [...draw(Int32Array.from(places.keys()), Number(count), randomFrom(Number(seed)))]
      .map((at, number): Chosen => ({ ...places[at]!, number }));
    await learn(copy, chosen.flatMap(({ sight }) => sight.near), chosen);
    const tally = new Map<string, { caught: number; all: number }>();
    for (const fault of chosen) {
      const verdict = await judge(fault, copy, { near, chosen });
      console.log(`${verdict.padEnd(8)} ${fault.path}:${fault.line} ${fault.operator}: ${fault.change}`);
      if (verdict === "refused") continue;
      const { caught, all } = tally.get(fault.room) ?? { caught: 0, all: 0 };
      tally.set(fault.room, { caught: caught + (verdict === "survived" ? 0 : 1), all: all + 1 });
    }
    const total = { caught: 0, all: 0 };
    for (const [name, { caught, all }] of [...tally].sort()) {
      console.log(shareLine(name, caught, all));
      total.caught += caught;
      total.all += all;
    }
    console.log(shareLine("all", total.caught, total.all));
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});
