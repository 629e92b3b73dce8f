/**
 * The vLLM worker on a Ray cluster.
 *
 * @module
 */
import { pythonArgv, type PythonProgram } from "./python_argv.ts";

const DRIVER: PythonProgram = {
  harness: "ray",
  file: "harness/ray/driver.py",
  venv: ".venv-ray",
  variable: "SHOTLAB_RAY_PYTHON",
  setup: "deno task setup --ray",
};

/**
 * The command that runs the vLLM worker as an actor of a Ray cluster.
 *
 * @param address The cluster's, `<host>:<port>` or `ray://<host>:<port>`; empty for the one that this machine is in.
 * @param elsewhere Whether a transport carries it to another machine: there it is `python3` in a copy of this project.
 * @returns Program and arguments.
 * @throws {UsageError} when this machine has no Python environment for it.
 */
export async function rayArgv(address: string, elsewhere: boolean): Promise<string[]> {
  const argv = await pythonArgv(DRIVER, elsewhere);
  return address === "" ? argv : [...argv, "--address", address];
}
