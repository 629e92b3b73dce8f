/**
 * The command of a Python program of this project.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.ts";

const ROOT = new URL("../..", import.meta.url);

/** A program and where its Python is. */
export interface PythonProgram {
  /** The harness that it is. */
  readonly harness: string;
  /** Its file, from the project's folder. */
  readonly file: string;
  /** Folder of its environment, in the project's. */
  readonly venv: string;
  /** The variable that names another Python. */
  readonly variable: string;
  /** The command that makes the environment. */
  readonly setup: string;
}

/**
 * The command of a Python program.
 *
 * @param program The program.
 * @param elsewhere Whether a transport carries it to another machine: there it is `python3` in a copy of this project.
 * @returns Program and arguments.
 * @throws {UsageError} when this machine has no Python environment for it.
 */
export async function pythonArgv(program: PythonProgram, elsewhere: boolean): Promise<string[]> {
  const { harness, file, venv, variable, setup } = program;
  if (elsewhere) return ["python3", file];
  const given = Deno.env.get(variable);
  const python = given || fileURLToPath(new URL(`${venv}/bin/python`, ROOT));
  try {
    await Deno.stat(python);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const remedy = given ? `correct or unset ${variable}` : `run: ${setup}`;
    throw new UsageError(`Cannot start the ${harness} harness: there is no Python at ${python}; ${remedy}`);
  }
  return [python, fileURLToPath(new URL(file, ROOT))];
}
