/** JupyterLab on a free port, for tests. */
import { writeKernel } from "../../tasks/kernel.ts";
import { PATIENCE_MS } from "./chromium.ts";
import { freePort } from "../free_port.ts";

const PYTHON = ".venv/bin/python";
const TOKEN = "test";

/** A running JupyterLab. */
export interface Lab extends AsyncDisposable {
  /** The address of a file in it. */
  url(path: string): string;
}

/**
 * Whether JupyterLab is set up (`deno task notebook`).
 *
 * @returns Whether it is.
 */
export function labInstalled(): boolean {
  try {
    const args = ["-c", "import jupyterlab, plotly"];
    return new Deno.Command(PYTHON, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/**
 * Starts JupyterLab in the project's folder.
 *
 * @returns The running JupyterLab.
 */
export async function startLab(): Promise<Lab> {
  await writeKernel(".venv");
  const port = freePort();
  const args = [
    ...["-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", `--port=${port}`],
    ...[`--IdentityProvider.token=${TOKEN}`, `--ServerApp.root_dir=${Deno.cwd()}`],
    ...["--ContentsManager.allow_hidden=True", "--LabApp.news_url="],
  ];
  const child = new Deno.Command(PYTHON, { args, stdout: "null", stderr: "null" }).spawn();
  for (let tries = 0; !await answers(`http://127.0.0.1:${port}/api?token=${TOKEN}`); tries++) {
    if (tries > PATIENCE_MS / 200) throw new Error("JupyterLab does not answer within ten minutes");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    url: (path) => `http://127.0.0.1:${port}/lab/tree/${path}?token=${TOKEN}&reset`,
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
