/**
 * The code that a function may come to, by the names that it mentions: top-level declarations, through imports. Types,
 * comments and the words of texts are left out.
 *
 * @module
 */
import { readdir } from "node:fs/promises";

/** A module's declarations, and where the other names in it are from. */
interface Source {
  /** Code by declared name; what is declared without one, such as destructured constants, stands under "". */
  readonly blocks: ReadonlyMap<string, string>;
  /** Names that it takes: the module and the name there, `*` for all of it. */
  readonly imports: ReadonlyMap<string, readonly [path: string, name: string]>;
  /** Modules that it exports as its own. */
  readonly passedOn: readonly string[];
}

/** Modules by their path. */
export type Sources = ReadonlyMap<string, Source>;

const ROOT = new URL("../../", import.meta.url);
const STATEMENT =
  /^(import|export)\b(?: type\b)?\s*(?:\{([^}]*)\}|\* as (\w+)|(\*))?\s*from\s+"(\.[^"]+)";$/gm;
const DECLARED = /^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)/;
const TYPES = /^(?:export )?(?:declare )?(?:interface|type)\b/;

/** Code without comments, and without the words of its texts. */
function bare(code: string): string {
  return code.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replace(/`(?:[^`\\]|\\.)*`/g, (text) => (text.match(/\$\{[^]*?\}/g) ?? []).join(" "));
}

function resolve(path: string, from: string): string {
  return new URL(from, `file:///${path}`).pathname.slice(1);
}

function sourceOf(path: string, text: string): Source {
  const imports = new Map<string, readonly [string, string]>();
  const passedOn: string[] = [];
  const code = text.replace(/\/\*\*[^]*?\*\//g, "");
  for (const [, how, listed = "", star, all, from = ""] of code.matchAll(STATEMENT)) {
    const module = resolve(path, from);
    if (all !== undefined && how === "export") passedOn.push(module);
    if (star !== undefined) imports.set(star, [module, "*"]);
    for (const part of listed.split(",").map((name) => name.trim()).filter((name) => name !== "")) {
      if (part.startsWith("type ")) continue;
      const [there, here = there] = part.split(" as ");
      imports.set(here!, [module, there!]);
    }
  }
  const blocks = new Map<string, string>();
  for (const block of code.replace(STATEMENT, "").split(/^(?=\w)/m)) {
    if (TYPES.test(block)) continue;
    const name = DECLARED.exec(block)?.[1] ?? "";
    blocks.set(name, `${blocks.get(name) ?? ""}\n${bare(block)}`);
  }
  return { blocks, imports, passedOn };
}

/**
 * Reads the sources of `src`.
 *
 * @returns The modules by their path.
 */
export async function readSources(): Promise<Sources> {
  const names = await readdir(new URL("src", ROOT), { recursive: true });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`);
  return new Map(
    await Promise.all(paths.map(async (path): Promise<[string, Source]> => [
      path,
      sourceOf(path, await Deno.readTextFile(new URL(path, ROOT))),
    ])),
  );
}

/**
 * What a declaration may come to.
 *
 * @param sources The modules.
 * @param path A module's path.
 * @param name What is declared there.
 * @returns The code, by `path name`.
 */
export function reachedCode(
  sources: Sources,
  path: string,
  name: string,
): ReadonlyMap<string, string> {
  const reached = new Map<string, string>();
  const visit = (path: string, name: string): void => {
    const source = sources.get(path);
    if (source === undefined || reached.has(`${path} ${name}`)) return;
    const code = source.blocks.get(name);
    if (name === "*") { for (const own of source.blocks.keys()) visit(path, own); }
    if (code === undefined) {
      const from = source.imports.get(name);
      if (from !== undefined) visit(...from);
      for (const other of source.passedOn) visit(other, name);
      return;
    }
    reached.set(`${path} ${name}`, code);
    if (name !== "") visit(path, "");
    for (const word of new Set(code.match(/[A-Za-z_]\w*/g))) {
      if (source.blocks.has(word)) visit(path, word);
      const from = source.imports.get(word);
      if (from !== undefined) visit(...from);
    }
  };
  visit(path, name);
  return reached;
}
