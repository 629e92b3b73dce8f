/**
 * Which tests see a file: those that import it, by whatever way. What a test starts as a process of its own is not
 * seen.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { type Module, roomOf } from "../structure.ts";

/** The tests that are asked about a file, the first ones first. */
export interface Sight {
  /** Those of the file's room, and those that import it themselves. */
  readonly near: readonly string[];
  /** Others that see it, the nearest ones. */
  readonly far: readonly string[];
}

/** Other tests than those of a room that are asked; a file of the ground is seen by more than a hundred. */
const FAR = 20;
/** Rooms whose tests are not in a folder of their name. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  roofline: ["tests/roofline/", "tests/harness/estimate/"],
  events: ["tests/progress/"],
};
/**
 * Tests of notebooks, a browser, load and tasks are no tests of a room; some change the process that all run in, and one
 * asks the compiler, which is not what is tried.
 */
const LEFT_OUT =
  /^tests\/(?:notebooks|browser|soak|bench|tasks)\/|(?:docs|structure|read_only_folder|interrupt|added_setting|cli\/process)_test\.ts$/;

/**
 * Finds the tests that see the files of `src`.
 *
 * @param modules All modules of the project.
 * @returns The tests, by the file's path.
 *
 * @example
 * ```ts
 * import { readModule } from "../structure.ts";
 * import { sightOf } from "./sight.ts";
 * import assert from "node:assert/strict";
 * const modules = [
 *   readModule("src/fit/tree.ts", "export const tree = 1;\n"),
 *   readModule("src/fit/model.ts", 'import { tree } from "./tree.ts";\nexport const model = tree;\n'),
 *   readModule("tests/fit/model_test.ts", 'import { model } from "../../src/fit/model.ts";\n'),
 *   readModule("tests/cli/fit_test.ts", 'import { model } from "../../src/fit/model.ts";\n'),
 * ];
 * assert.deepEqual(sightOf(modules).get("src/fit/tree.ts"), {
 *   near: ["tests/fit/model_test.ts"],
 *   far: ["tests/cli/fit_test.ts"],
 * });
 * ```
 */
export function sightOf(modules: readonly Module[]): Map<string, Sight> {
  const users = usersOf(modules.map(({ path, imports }) => [
    path,
    imports.filter(({ typesOnly }) => !typesOnly).map(({ from }) => from),
  ]));
  return new Map(
    modules.filter(({ path }) => path.startsWith("src/")).map(({ path }) => {
      const room = roomOf(path)!;
      const homes = ELSEWHERE[room] ?? [`tests/${room}/`, `tests/${room}_test.ts`];
      const tests = [...distances(path, users)].filter(([name]) =>
        /^tests\/.*_test\.ts$/.test(name) && !LEFT_OUT.test(name)
      );
      const isNear = ([name, steps]: [string, number]): boolean =>
        steps === 1 || homes.some((home) => name.startsWith(home));
      return [path, {
        near: tests.filter(isNear).map(([name]) => name),
        far: tests.filter((test) => !isNear(test)).map(([name]) => name).slice(0, FAR),
      }];
    }),
  );
}

/**
 * Finds the tests that see the files of the worker; near ones boot no engine. A file that none of these imports itself is
 * left out: what it does shows with an engine alone.
 *
 * @param root The project's folder.
 * @returns The tests, by the file's path; far ones are all the others.
 */
export async function sightOfPython(root: string): Promise<Map<string, Sight>> {
  const [source, tests] = await Promise.all(["harness/vllm", "tests/harness/vllm"].map(async (folder) => {
    const names = (await readdir(`${root}${folder}`, { recursive: true })).filter((name) =>
      name.endsWith(".py")
    );
    return await Promise.all(
      names.sort().map(async (name) => ({
        path: `${folder}/${name}`,
        module: name.replace(/(\/__init__)?\.py$/, "").replaceAll("/", "."),
        text: await readFile(`${root}${folder}/${name}`, "utf8"),
      })),
    );
  }));
  const all = [...source!, ...tests!];
  const pathOf = new Map(all.map(({ module, path }) => [module, path]));
  const users = usersOf(all.map(({ path, text }) => [
    path,
    [...text.matchAll(/^\s*(?:from|import) ([\w.]+)/gm)].flatMap(([, name]) => pathOf.get(name!) ?? []),
  ]));
  const boots =
    /worker: Client|Client\(|boot_engine\(parse_boot\(|^import subprocess|^\s*(?:import|from) vllm\b/m;
  const cases = tests!.filter(({ path }) => path.endsWith("_test.py"));
  const quick = cases.filter(({ text }) => !boots.test(text)).map(({ path }) => path);
  return new Map(
    source!.flatMap(({ path }): [string, Sight][] => {
      const seen = distances(path, users);
      const near = [...seen.keys()].filter((name) => quick.includes(name));
      if (!near.some((name) => seen.get(name) === 1)) return [];
      return [[path, { near, far: cases.map(({ path }) => path).filter((name) => !near.includes(name)) }]];
    }),
  );
}

/** Who imports a path. */
function usersOf(
  imports: readonly (readonly [path: string, from: readonly string[]])[],
): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const [path, froms] of imports) {
    for (const from of froms) users.set(from, [...users.get(from) ?? [], path]);
  }
  return users;
}

/** The steps to whoever sees a path, the nearest first. */
function distances(path: string, users: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const steps = new Map([[path, 0]]);
  for (const [at, far] of steps) {
    for (const user of users.get(at) ?? []) if (!steps.has(user)) steps.set(user, far + 1);
  }
  return steps;
}
