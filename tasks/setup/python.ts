/**
 * Finds the Python that the project's virtual environment is made from.
 *
 * @module
 */
import { execa } from "execa";
import { UsageError } from "../../src/errors.ts";

/** Versions for which the engine's wheels exist. */
const OLDEST = 11;
const NEWEST = 14;
const CANDIDATES = ["python3.12", "python3.13", "python3.11", "python3.14", "python3", "python"];

/** Runs a program to its end and returns what it printed, or `null` when it cannot be started. */
export type Run = (
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<{ success: boolean; stdout: string; stderr: string } | null>;

/**
 * The real {@linkcode Run}.
 *
 * @param argv Program and arguments.
 * @param env Variables beside this process's own.
 * @returns What it printed, `null` when it cannot be started.
 */
export async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ReturnType<Run> {
  const [program, ...args] = argv;
  const options = { env, stdin: "ignore", reject: false, stripFinalNewline: false } as const;
  const process = execa(program!, args, options);
  const { failed, stdout, stderr, cause } = await process;
  if (process.pid === undefined) {
    if (["ENOENT", "EACCES"].includes((cause as { code?: string }).code ?? "")) return null;
    throw cause;
  }
  return { success: !failed, stdout, stderr };
}

/**
 * Finds a Python that the engine supports.
 *
 * @param runner How programs are run.
 * @returns Its command.
 * @throws {UsageError} when there is none, with the versions that were found.
 */
export async function findPython(runner: Run = run): Promise<string> {
  const found: string[] = [];
  for (const command of CANDIDATES) {
    const answer = await runner([command, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]);
    if (!answer?.success) continue;
    const version = answer.stdout.trim();
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && minor! >= OLDEST && minor! <= NEWEST) return command;
    found.push(`${command} is ${version}`);
  }
  throw new UsageError(
    `Cannot set up the engine: it needs Python 3.${OLDEST} to 3.${NEWEST}, ` +
      `${found.length > 0 ? `but ${found.join(", ")}` : "but no python3 is on the PATH"}; ` +
      `install one (for example: apt install python3 python3-venv) and run this again`,
  );
}
