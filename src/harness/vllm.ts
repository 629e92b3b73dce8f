/**
 * Where the vLLM worker and its Python are.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.ts";

const ROOT = new URL("../../", import.meta.url);
const WORKER = "harness/vllm/worker.py";

/**
 * The command of the vLLM worker.
 *
 * @param elsewhere Whether a transport carries it to another machine: there it is `python3` in a copy of this project.
 * @returns Program and arguments.
 * @throws {UsageError} when this machine has no Python environment for it.
 */
export async function vllmArgv(elsewhere: boolean): Promise<string[]> {
  if (elsewhere) return ["python3", WORKER];
  const given = Deno.env.get("SHOTLAB_PYTHON");
  const python = given || fileURLToPath(new URL(".venv/bin/python", ROOT));
  try {
    await Deno.stat(python);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const remedy = given ? "correct or unset SHOTLAB_PYTHON" : "run: deno task setup";
    throw new UsageError(`Cannot start the vllm harness: there is no Python at ${python}; ${remedy}`);
  }
  return [python, fileURLToPath(new URL(WORKER, ROOT))];
}
