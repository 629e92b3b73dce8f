// deno-lint-ignore-file no-console
/**
 * Opens the notebooks: sets JupyterLab up in `.venv`, makes Deno known as its kernel, and starts it. Arguments go to
 * `jupyter lab`, such as `--no-browser` or `--port=8890`.
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
  const asRoot = Deno.uid() === 0 ? ["--allow-root"] : [];
  // The project's folder is its root, so that the reports that notebooks write can be opened.
  const seen = [
    `--ServerApp.root_dir=${root}`,
    "--ContentsManager.allow_hidden=True",
    "--LabApp.default_url=/lab/tree/notebooks/01-quickstart.ipynb",
  ];
  const args = ["-m", "jupyterlab", ...asRoot, ...seen, ...Deno.args];
  // Jupyter asks twice on Ctrl-C; this process waits for its answer.
  Deno.addSignalListener("SIGINT", () => {});
  const options = { stdio: "inherit", cleanup: false, reject: false } as const;
  const { exitCode } = await execa(python, args, options);
  Deno.exit(exitCode ?? 1);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}
