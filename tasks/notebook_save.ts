// deno-lint-ignore-file no-console
/**
 * Runs notebooks from top to bottom and saves them with their outputs. Words are beginnings of names in `notebooks`, or
 * files of notebooks; without any, all of `notebooks` are run.
 *
 * @module
 */
import { execa } from "execa";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UsageError } from "../src/errors.ts";
import { writeKernel } from "./kernel.ts";
import { runScript } from "./script.ts";
import { setup } from "./setup.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The notebooks that a word stands for. */
function notebooksOf(word: string): string[] {
  if (existsSync(word) && word.endsWith(".ipynb")) return [word];
  const names = [...Deno.readDirSync(`${root}notebooks`)].map(({ name }) => name).sort()
    .filter((name) => name.endsWith(".ipynb") && name.startsWith(word));
  if (names.length === 0) {
    throw new UsageError(`Cannot save ${word}: it is no notebook, and no name in notebooks begins so`);
  }
  return names.map((name) => `${root}notebooks/${name}`);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { failed } = await execa(program, args, { stdio: "inherit", reject: false });
  if (failed) throw new UsageError(`Cannot save the notebooks: ${args.join(" ")} failed`);
}

const script = { usage: "deno task notebook:save [NAME...]", words: [0, Infinity] } as const;
await runScript(script, async (_, ...words) => {
  const paths = new Set((words.length === 0 ? [""] : words).flatMap(notebooksOf));
  const python = await setup({ engine: false, notebook: true, say: console.log });
  await writeKernel(`${root}.venv`);
  for (const path of paths) {
    await run(python, `${root}tests/notebooks/execute.py`, path, path);
    await run(Deno.execPath(), "fmt", "--quiet", "--no-config", "--line-width=110", path);
  }
});
