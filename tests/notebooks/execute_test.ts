/** Runs every notebook in Deno's kernel, as Jupyter does; it needs JupyterLab in `.venv` (`deno task notebook`). */
import assert from "node:assert/strict";
import { writeKernel } from "../../tasks/kernel.ts";
import { withFolder } from "../run/tiny_run.ts";
import { notebookNames, NOTEBOOKS, readCells } from "./cells.ts";
import { writeSmall } from "./small.ts";

const PYTHON = ".venv/bin/python";

for (const name of notebookNames()) {
  Deno.test({
    name: `${name} runs from top to bottom with a small model, without an error, and shows its figures`,
    ignore: !await jupyterInstalled(),
    fn: () =>
      withFolder(async (dir) => {
        await writeKernel(".venv");
        await writeSmall(NOTEBOOKS, name, dir);
        const args = ["tests/notebooks/execute.py", `${dir}/${name}`, `${dir}/ran.ipynb`, NOTEBOOKS];
        const { success, stdout, stderr } = await new Deno.Command(PYTHON, { args }).output();
        assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
        assert.equal(figures(`${dir}/ran.ipynb`), figures(`${NOTEBOOKS}/${name}`));
      }),
  });
}

function figures(path: string): number {
  const outputs = readCells(path).flatMap(({ outputs = [] }) => outputs);
  return outputs.filter(({ data = {} }) => "image/svg+xml" in data).length;
}

async function jupyterInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command(PYTHON, { args: ["-c", "import nbclient, jupyterlab"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
