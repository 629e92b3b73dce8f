// deno-lint-ignore-file no-console
/**
 * How the source hangs together: files and lines by folder, imports against the order of the rooms, circles of imports
 * and exports that nobody uses. Prints it; `tests/structure_test.ts` holds the rules.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { runScript } from "./script.ts";

/**
 * The rooms of `src` from the ground up: a file imports from its own room and from those before it. A room is a folder,
 * a file of `src` itself one of its own (`settings.ts` is the door of `settings`).
 */
export const ROOMS: readonly string[] = [
  ...[
    "errors",
    "version",
    "config_dir",
    "hide_secrets",
    "number_format",
    "count_text",
    "printable",
    "random",
    "stats",
    "compare",
    "quantity",
    "processor",
  ],
  ...["files", "model", "settings", "shots", "roofline", "bundle", "predict", "fit", "adaptive"],
  ...["harness", "events", "journal", "workers", "store", "check", "conformance"],
  ...["progress", "serving", "run", "view", "inspect", "cli"],
];

/** The modules that users import, as `exports` of deno.json names them. */
export const ENTRIES: readonly string[] = [
  "mod.ts",
  "run.ts",
  "harness.ts",
  "model.ts",
  "serving.ts",
  "view.ts",
];

/** A module of the project. */
export interface Module {
  /** Its path from the project's folder. */
  readonly path: string;
  /** How many lines it has. */
  readonly lines: number;
  /** The modules of the project that it imports. */
  readonly imports: readonly Import[];
  /** What it exports by name. */
  readonly exports: readonly Export[];
}

/** An import, or an export from elsewhere. */
export interface Import {
  /** The module's path. */
  readonly from: string;
  /** Whether nothing of it is left at run time. */
  readonly typesOnly: boolean;
  /** The names that are taken. */
  readonly names: readonly string[];
}

/** An export. */
export interface Export {
  /** Its name. */
  readonly name: string;
  /** Whether it is a type that another export of the module names: whoever calls that may need it. */
  readonly isSignature: boolean;
}

/** An import against the order of the rooms. */
export interface Climb {
  /** Who imports. */
  readonly path: string;
  /** From whom. */
  readonly from: string;
}

const STATEMENT = /^(?:import|export)\b(\s+type\b)?([^;"']*?)\bfrom\s+"(\.[^"]+)";$/gm;
const DYNAMIC = /\bimport\(\s*"(\.[^"]+)"/g;
const EXPORT = /^export (?:async )?(function\*?|const|class|interface|type) (\w+)/gm;

/**
 * Reads a module.
 *
 * @param path Its path from the project's folder.
 * @param text Its source, as `deno fmt` writes it.
 * @returns The module.
 */
export function readModule(path: string, text: string): Module {
  const code = text.replace(/\/\*\*[^]*?\*\//g, "");
  const words = (pattern: RegExp): string[] => [...code.matchAll(pattern)].map(([, word]) => word!);
  const imports = [...code.matchAll(STATEMENT)].map(([, type, what = "", from = ""]): Import => {
    const listed = /\{([^]*)\}/.exec(what)?.[1]?.split(",").map((name) => name.trim()).filter(Boolean) ?? [];
    const star = /\* as (\w+)/.exec(what)?.[1];
    const names = listed.map((name) => name.replace(/^type /, "").replace(/ as .*/, ""));
    return {
      from: resolve(path, from),
      typesOnly: type !== undefined ||
        (listed.length > 0 && listed.every((name) => name.startsWith("type "))),
      names: star === undefined ? names : words(new RegExp(`\\b${star}\\.(\\w+)`, "g")),
    };
  });
  const dynamic = words(DYNAMIC).map((from): Import => ({
    from: resolve(path, from),
    typesOnly: false,
    names: words(/\b(\w+)\b/g),
  }));
  const exported = code.split(/^(?=\w)/m).filter((block) => block.startsWith("export "));
  return {
    path,
    lines: text.split("\n").length - 1,
    imports: [...imports, ...dynamic],
    exports: [...code.matchAll(EXPORT)].map(([, kind, name = ""]) => ({
      name,
      isSignature: (kind === "interface" || kind === "type") &&
        exported.filter((block) => new RegExp(`\\b${name}\\b`).test(block)).length > 1,
    })),
  };
}

function resolve(path: string, from: string): string {
  return new URL(from, `file:///${path}`).pathname.slice(1);
}

/**
 * Reads all modules of the project.
 *
 * @returns Those of `src`, `tasks` and `tests`, and those that users import.
 */
export async function readModules(): Promise<Module[]> {
  const root = new URL("../", import.meta.url);
  const folders = await Promise.all(["src", "tasks", "tests"].map(async (folder) => {
    const names = await readdir(new URL(folder, root), { recursive: true });
    return names.sort().map((name) => `${folder}/${name}`);
  }));
  const paths = [...ENTRIES, ...folders.flat()].filter((path) => /(?<!\.d)\.ts$/.test(path));
  return await Promise.all(
    paths.map(async (path) => readModule(path, await Deno.readTextFile(new URL(path, root)))),
  );
}

/**
 * The room of a module.
 *
 * @param path Its path.
 * @returns The room's name; null outside of `src`.
 */
export function roomOf(path: string): string | null {
  return /^src\/(\w+)(?:\/|\.ts$)/.exec(path)?.[1] ?? null;
}

/**
 * The imports against the order of the rooms, those of types among them.
 *
 * @param modules The modules.
 * @returns The imports from a room that does not come before the importer's own.
 */
export function climbs(modules: readonly Module[]): Climb[] {
  const level = (path: string): number => ROOMS.indexOf(roomOf(path) ?? "");
  return modules.filter(({ path }) => roomOf(path) !== null).flatMap(({ path, imports }) =>
    imports.filter(({ from }) => level(from) > level(path) || level(from) < 0)
      .map(({ from }) => ({ path, from }))
  );
}

/**
 * The circles of imports.
 *
 * @param modules The modules.
 * @param types Whether imports of types count.
 * @returns The groups of modules each of which leads to every other of its group.
 */
export function circles(modules: readonly Module[], types: boolean): string[][] {
  const next = new Map(
    modules.map(({ path, imports }) => [
      path,
      imports.filter(({ typesOnly }) => types || !typesOnly).map(({ from }) => from),
    ]),
  );
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [start];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const to of next.get(path) ?? []) {
        if (!seen.has(to)) open.push(to);
        seen.add(to);
      }
    }
    return seen;
  };
  const reached = new Map([...next.keys()].map((path) => [path, reach(path)]));
  const round = [...reached.keys()].filter((path) => reached.get(path)!.has(path));
  const groups = Map.groupBy(
    round,
    (path) => round.filter((other) => reached.get(path)!.has(other) && reached.get(other)!.has(path)).join(),
  );
  return [...groups.values()];
}

/**
 * The exports of `src` that no other module names, nor, of types, another export of their own.
 *
 * @param modules The modules.
 * @returns Them, with the module's path.
 */
export function unusedExports(modules: readonly Module[]): { path: string; name: string }[] {
  const used = new Set(
    modules.flatMap(({ imports }) =>
      imports.flatMap(({ from, names }) => names.map((name) => `${from} ${name}`))
    ),
  );
  return modules.filter(({ path }) => path.startsWith("src/")).flatMap(({ path, exports }) =>
    exports.filter(({ name, isSignature }) => !isSignature && !used.has(`${path} ${name}`))
      .map(({ name }) => ({ path, name }))
  );
}

/**
 * What breaks the rules; types alone may go in circles.
 *
 * @param modules The modules.
 * @returns A line for each fault.
 */
export function structureFaults(modules: readonly Module[]): string[] {
  return [
    ...climbs(modules).map(({ path, from }) =>
      `${path} imports ${from}, whose room does not come before its own (ROOMS in tasks/structure.ts)`
    ),
    ...circles(modules, false).map((circle) => `${circle.join(", ")} import each other in a circle`),
    ...unusedExports(modules).map(({ path, name }) => `${path} exports ${name}, which no other module names`),
  ];
}

if (import.meta.main) {
  await runScript({ usage: "structure.ts" }, async () => {
    const modules = await readModules();
    const source = modules.filter(({ path }) => path.startsWith("src/"));
    const folders = Map.groupBy(source, ({ path }) => path.replace(/\/[^/]*$/, ""));
    for (const [folder, files] of [...folders, ["all of src", source] as const]) {
      const lines = files.reduce((sum, file) => sum + file.lines, 0);
      console.log(
        `${folder.padEnd(22)}${String(files.length).padStart(5)} files ${String(lines).padStart(6)} lines`,
      );
    }
    console.log(
      `circles of types alone: ${
        circles(source, true).map((circle) => circle.join(", ")).join("; ") || "none"
      }`,
    );
    const faults = structureFaults(modules);
    for (const fault of faults) console.error(fault);
    return faults.length > 0 ? 1 : 0;
  });
}
