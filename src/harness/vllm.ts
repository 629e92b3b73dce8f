/**
 * The vLLM worker.
 *
 * @module
 */
import { pythonArgv, type PythonProgram } from "./python_argv.ts";

const WORKER: PythonProgram = {
  harness: "vllm",
  file: "harness/vllm/worker.py",
  venv: ".venv",
  variable: "SHOTLAB_PYTHON",
  setup: "deno task setup",
};

/**
 * The command of the vLLM worker.
 *
 * @param elsewhere Whether a transport carries it to another machine: there it is `python3` in a copy of this project.
 * @returns Program and arguments.
 * @throws {UsageError} when this machine has no Python environment for it.
 */
export async function vllmArgv(elsewhere: boolean): Promise<string[]> {
  return await pythonArgv(WORKER, elsewhere);
}
