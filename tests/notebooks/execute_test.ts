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

Deno.test({
  name: "a kernel started in another folder finds shotlab by the deno.json of docs/install.md",
  ignore: !await jupyterInstalled(),
  fn: () =>
    withFolder(async (dir) => {
      const page = await Deno.readTextFile("docs/install.md");
      const config = /```json\n(\{ "importMap".*\})\n```/.exec(page)![1]!;
      await Deno.writeTextFile(`${dir}/deno.json`, config.replace("/path/to/shotlab", Deno.cwd()));
      const bundle = `${Deno.cwd()}/perf/H100/meta-llama/Llama-3.1-8B/bf16`;
      const source = [
        'import { openBundle } from "shotlab";\nimport { show } from "shotlab/view";\n',
        `await show((await openBundle(${JSON.stringify(bundle)})).meta.hardware!);`,
      ];
      const cell = { cell_type: "code", id: "a", metadata: {}, execution_count: null, outputs: [], source };
      const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
      await Deno.writeTextFile(`${dir}/own.ipynb`, JSON.stringify(notebook));
      await writeKernel(".venv");
      const args = ["tests/notebooks/execute.py", `${dir}/own.ipynb`, `${dir}/ran.ipynb`];
      const { success, stderr } = await new Deno.Command(PYTHON, { args }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const outputs = readCells(`${dir}/ran.ipynb`).flatMap(({ outputs = [] }) => outputs);
      assert.deepEqual(outputs.map(({ data = {} }) => [data["text/plain"]].flat().join("")), ["H100"]);
    }),
});

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
