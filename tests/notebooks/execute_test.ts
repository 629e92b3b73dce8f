/** Runs every notebook in Deno's kernel, as Jupyter does; it needs JupyterLab in `.venv` (`deno task notebook`). */
import assert from "node:assert/strict";
import { writeKernel } from "../../tasks/kernel.ts";
import { notebookNames, NOTEBOOKS, readCells } from "./cells.ts";

const PYTHON = ".venv/bin/python";

for (const name of notebookNames()) {
  Deno.test({
    name: `${name} runs from top to bottom in 90 s, without an error, and shows its figures`,
    ignore: !await jupyterInstalled(),
    async fn(): Promise<void> {
      await writeKernel(".venv");
      const dir = await Deno.makeTempDir();
      try {
        const out = `${dir}/${name}`;
        const args = ["tests/notebooks/execute.py", `${NOTEBOOKS}/${name}`, out];
        const { success, stdout, stderr } = await new Deno.Command(PYTHON, { args }).output();
        assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
        assert.equal(figures(out), figures(`${NOTEBOOKS}/${name}`));
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

function figures(path: string): number {
  const outputs = readCells(path).flatMap(({ outputs = [] }) => outputs);
  return outputs.filter(({ data = {} }) => "image/png" in data).length;
}

async function jupyterInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command(PYTHON, { args: ["-c", "import nbclient, jupyterlab"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
