/**
 * Commands that fill an environment: one at a time, even where one has outlived the process that started it.
 *
 * @module
 */
import { execa } from "execa";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../src/errors.ts";

const FILLED = fileURLToPath(new URL("filled.py", import.meta.url));

/** Fills an environment. */
export interface Fill {
  /** A Python, to watch the command. */
  python: string;
  /** Folder of the environment. */
  venv: string;
  /** Program and arguments. */
  argv: readonly string[];
  /** Variables beside this process's own. */
  env?: Readonly<Record<string, string>>;
  /** Told every second how many bytes and files the command has brought. */
  onProgress?: (bytes: number, files: number) => void;
}

/**
 * Runs a command that fills an environment.
 *
 * @param fill The command.
 * @returns Null when it succeeded, else what it wrote to standard error.
 */
export async function runFill(fill: Fill): Promise<string | null> {
  const { python, venv, argv, env = {}, onProgress = (): void => {} } = fill;
  const child = execa(python, [FILLED, workLock(venv), venv, ...argv], {
    env,
    // It is never written to: its end tells the child that this process has ended, however it has.
    stdin: "pipe",
    cleanup: false,
    reject: false,
    stripFinalNewline: false,
  });
  for await (const line of child) {
    const [bytes = 0, files = 0] = line.split(" ").map(Number);
    onProgress(bytes, files);
  }
  const { failed, cause, stderr } = await child;
  if (child.pid === undefined) throw cause;
  return failed ? stderr : null;
}

/**
 * Keeps other set-ups away from an environment; waits for one that is at work, and for what one that was killed has
 * left running.
 *
 * @param venv Folder of the environment.
 * @param onWaiting Called when that takes a while.
 * @returns What ends it; so does the end of this process.
 * @throws {UsageError} when this user may not write there.
 */
export async function keepAlone(venv: string, onWaiting: () => void): Promise<Disposable> {
  const waiting = setTimeout(onWaiting, 1000);
  try {
    const alone = await locked(`${venv}.lock`);
    (await locked(workLock(venv)))[Symbol.dispose]();
    return alone;
  } finally {
    clearTimeout(waiting);
  }
}

function workLock(venv: string): string {
  return `${venv}.work.lock`;
}

async function locked(path: string): Promise<Disposable> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, create: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new UsageError(
      `Cannot set up in ${
        dirname(path)
      }: this user may not write there; let its owner run deno task setup, ` +
        `or take a copy of the project that is yours`,
    );
  }
  await file.lock(true);
  return file;
}
