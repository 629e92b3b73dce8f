// deno-lint-ignore-file no-console
/**
 * Looks for words that `docs/terms.md` has better ones for, in everything that a user reads. Exits with 1 where there is
 * one.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { runScript } from "./script.ts";

/** What is not written, and what is instead. */
const STOP_LIST: readonly (readonly [RegExp, string])[] = [
  [/\bgone on with\b/i, "resumed"],
  [/\bgoes on from\b/i, "resumes from"],
  [/\bthe data says no\b/i, "data error"],
  [/\bjags?\b/i, "spikes"],
  [/\bthe products (do|take)\b/i, "the GEMMs"],
  [/\bway from memory\b/i, "weight reads from HBM"],
  [/\bneither long nor short\b/i, "unbiased"],
  [/\bnine (of|in) ten\b/i, "p90"],
  [/\btokens of history\b/i, "KV length"],
  [/\btell each other\b/i, "communication"],
  [/\bcan be asked where\b/i, "can be traced"],
  [/\bmends? the error\b/i, "absorbs the error"],
  [/\bmind two things\b/i, "two caveats"],
  [/\bbeside (a prefill|decodes)\b/i, "with a prefill, with decodes"],
  [/\bmatrix products\b/i, "GEMMs"],
  [/\b(longest|mean) histor(y|ies)\b/i, "longest KV length, mean KV length"],
  [/\bdevices? (has|have|had) moved\b/i, "the device drifted"],
];

/** Pages that a task writes, whose words are in its source, and this list itself. */
const GENERATED = /^(docs\/bundles\/|docs\/benchmarks\.md$|tasks\/words\.ts$)/;

/** A word of the list in a text. */
export interface Finding {
  /** Line of the text, from 1. */
  readonly line: number;
  /** What stands there. */
  readonly found: string;
  /** What should. */
  readonly instead: string;
}

/**
 * Finds words of the list, also where a line ends within them.
 *
 * @param text The text.
 * @returns The findings in their order.
 */
export function findWords(text: string): Finding[] {
  const plain = text.replaceAll(/\n(?:[ \t]*(?:\*|\/\/|#|>))?[ \t]*/g, (gap) => "\n".padEnd(gap.length));
  const flat = plain.replaceAll("\n", " ");
  return STOP_LIST.flatMap(([pattern, instead]) =>
    [...flat.matchAll(new RegExp(spaced(pattern), "gi"))].map(({ 0: found, index }) => ({
      line: plain.slice(0, index).split("\n").length,
      found: found.replaceAll(/\s+/g, " "),
      instead,
    }))
  ).sort((a, b) => a.line - b.line);
}

/** A pattern whose spaces may be several. */
function spaced({ source }: RegExp): string {
  return source.replaceAll(" ", "\\s+");
}

/** What a user reads of a file: of a notebook its cells, of others all. */
function readable(path: string, text: string): string {
  if (!path.endsWith(".ipynb")) return text;
  const { cells } = JSON.parse(text) as { cells: { source: string[] }[] };
  return cells.map(({ source }) => source.join("")).join("\n\n");
}

if (import.meta.main) {
  await runScript({ usage: "words.ts" }, async () => {
    let found = 0;
    const folders = await Promise.all(
      ["docs", "notebooks", "src", "harness", "tasks"].map(async (folder) =>
        (await readdir(folder, { recursive: true })).sort().map((name) => `${folder}/${name}`)
      ),
    );
    for (const path of ["README.md", "CHANGELOG.md", ...folders.flat()]) {
      if (!/\.(md|ts|py|ipynb)$/.test(path) || GENERATED.test(path)) continue;
      for (
        const { line, found: words, instead } of findWords(readable(path, await Deno.readTextFile(path)))
      ) {
        found++;
        console.error(`${path}, line ${line}: "${words}"; write ${instead} (docs/terms.md)`);
      }
    }
    return found > 0 ? 1 : 0;
  });
}
