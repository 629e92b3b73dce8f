// deno-lint-ignore-file no-console
/**
 * Runs all notebooks from top to bottom and saves them with their outputs. Arguments are beginnings of names: without
 * any, all notebooks.
 *
 * @module
 */
import { execa } from "execa";
import { fileURLToPath } from "node:url";
import { UsageError } from "../src/errors.ts";
import { writeKernel } from "./kernel.ts";
import { setup } from "./setup.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

try {
  const python = await setup({ engine: false, notebook: true, say: console.log });
  await writeKernel(`${root}.venv`);
  const names = [...Deno.readDirSync(`${root}notebooks`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ipynb"))
    .filter((name) => Deno.args.length === 0 || Deno.args.some((start) => name.startsWith(start))).sort();
  for (const name of names) {
    const path = `notebooks/${name}`;
    await run(python, "tests/notebooks/execute.py", path, path);
    await run(Deno.execPath(), "fmt", "--quiet", "--no-config", "--line-width=110", path);
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { failed } = await execa(program, args, { cwd: root, stdio: "inherit", reject: false });
  if (failed) throw new UsageError(`Cannot save the notebooks: ${args.join(" ")} failed`);
}
