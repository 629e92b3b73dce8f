/**
 * Programs beside the worker that answer one job: a whole engine that serves, ranks that measure collectives. Their
 * lines are kept in a file as they come.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import { splitArgv } from "../settings/argv.ts";
import { type Child, type Ending, startChild } from "./child.ts";
import { pythonArgv } from "./python_argv.ts";

const GRACE_MS = 2000;
/** Status of a program that refuses its job. */
const REFUSED = 2;

/** A program that answers a job. */
export interface JobProgram {
  /** Its file, from the project's folder, for the harness `vllm`. */
  readonly file: string;
  /** What it is for, such as `serve`. */
  readonly use: string;
  /** What it is, such as `a whole engine`. */
  readonly what: string;
  /** What it has done at its end, such as `the engine ended before it had served all`. */
  readonly early: string;
}

/** A whole engine at full depth. */
export const SERVED: JobProgram = {
  file: "harness/vllm/served.py",
  use: "serve",
  what: "a whole engine",
  early: "The engine ended before it had served all",
};

/** Ranks that measure collectives. */
export const RANKS: JobProgram = {
  file: "harness/vllm/collectives.py",
  use: "measure collectives",
  what: "the program",
  early: "The program ended before it had measured all",
};

/** How a program is started. */
export interface StartProgramOptions {
  /** `vllm`, or `cmd:` and a command that takes `--job - --out -`. */
  readonly harness: string;
  /** Command that goes before it and carries it elsewhere. */
  readonly transport: readonly string[];
  /** Numbers of the devices that it may see, empty for all. */
  readonly devices: readonly number[];
  /** Receives the lines that it logs. */
  readonly onLog?: (line: string) => void;
}

/** How a job is answered. */
export interface AnswerJobOptions extends StartProgramOptions {
  /** The program, started before; how it is started is not read then. @default {it is started now} */
  readonly started?: Promise<Child>;
  /** File that its lines are written to; emptied when it is there, unless `append` is set. */
  readonly out: string;
  /** Whether its lines come behind those that the file has. @default {false} */
  readonly append?: boolean;
  /** Ends it; the lines that have come are kept. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a program, which waits for its job.
 *
 * @param what The program.
 * @param options How.
 * @returns Its process, for `answerJob`.
 * @throws {UsageError} when the harness has no such program.
 * @throws {HarnessError} when the program cannot be started.
 */
export async function startProgram(what: JobProgram, options: StartProgramOptions): Promise<Child> {
  return await startArgv(await argvOf(what, options), options);
}

/**
 * Has a job answered, given and answered as text: the program's file says what the lines are.
 *
 * @param what The program.
 * @param job The job, JSON in one line.
 * @param options How.
 * @throws {UsageError} when the harness has no such program, it refuses the job, or the file cannot be written.
 * @throws {HarnessError} when the program cannot be started or ends before it is done.
 */
export async function answerJob(what: JobProgram, job: string, options: AnswerJobOptions): Promise<void> {
  const { started, out, append = false, signal } = options;
  const early = await started;
  const argv = early === undefined ? await argvOf(what, options) : [];
  const file = await openFile(out, append);
  const child = early ?? await startArgv(argv, options);
  const abort = (): void => void child.stop(0);
  signal?.addEventListener("abort", abort);
  let done = false;
  let ending: Ending;
  try {
    signal?.throwIfAborted();
    child.send(`${job}\n`);
    for (let line = await child.receive(); line !== undefined; line = await child.receive()) {
      await writeLine(file, line);
      done ||= line.startsWith('{"type":"done"');
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    file.close();
    ending = await child.stop(GRACE_MS);
  }
  signal?.throwIfAborted();
  if (!done) throw ended(what, child.log(), ending.exitCode, ending.signal);
}

async function argvOf(
  what: JobProgram,
  { harness, transport, devices }: StartProgramOptions,
): Promise<readonly string[]> {
  const visible = devices.length > 0 ? ["env", `CUDA_VISIBLE_DEVICES=${devices.join()}`] : [];
  const program = await programOf(what, harness, transport.length > 0);
  return [...transport, ...visible, ...program, "--job", "-", "--out", "-"];
}

function startArgv(
  argv: readonly string[],
  { onLog }: Pick<StartProgramOptions, "onLog">,
): Promise<Child> {
  return startChild(argv, onLog === undefined ? {} : { onLog });
}

function ended(
  { use, early }: JobProgram,
  log: string,
  exitCode: number | null,
  signal: string | null,
): UsageError | HarnessError {
  const last = log.split("\n").at(-1) ?? "";
  if (exitCode === REFUSED && last !== "") return new UsageError(`Cannot ${use}: ${last}`);
  return new HarnessError(`${early} (${signal ?? `status ${exitCode}`})${last === "" ? "" : `: ${last}`}`, {
    stage: "fire",
    stderrTail: log,
    ...exitCode !== null && { exitCode },
    ...signal !== null && { signal },
  });
}

async function programOf(
  { file, use, what }: JobProgram,
  harness: string,
  elsewhere: boolean,
): Promise<readonly string[]> {
  if (harness === "vllm") {
    return await pythonArgv({
      harness: "vllm",
      file,
      venv: ".venv",
      variable: "SHOTLAB_PYTHON",
      setup: "deno task setup",
    }, elsewhere);
  }
  const argv = harness.startsWith("cmd:") ? splitArgv(harness.slice("cmd:".length)) : null;
  if (argv !== null && argv.length > 0) return argv;
  throw new UsageError(
    `Cannot ${use} with the harness '${harness}': ${what} is vllm, or cmd:<command> that serves jobs`,
  );
}

async function openFile(path: string, append: boolean): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { create: true, ...append ? { append } : { write: true, truncate: true } });
  } catch (cause) {
    throw new UsageError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function writeLine(file: Deno.FsFile, line: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
