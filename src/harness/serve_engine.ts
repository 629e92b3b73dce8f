/**
 * A whole engine that serves a job: the program beside the worker, its lines kept in a file as they come.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import { splitArgv } from "../settings/argv.ts";
import { type Ending, startChild } from "./child.ts";
import { pythonArgv } from "./python_argv.ts";

const GRACE_MS = 2000;

/** How a job is served. */
export interface ServeEngineOptions {
  /** `vllm`, or `cmd:` and a command that takes `--job - --out -`. */
  readonly harness: string;
  /** Command that goes before it and carries it elsewhere. */
  readonly transport: readonly string[];
  /** Numbers of the devices that it may see, empty for all. */
  readonly devices: readonly number[];
  /** File that its lines are written to; emptied when it is there. */
  readonly out: string;
  /** Ends it; the lines that have come are kept. */
  readonly signal?: AbortSignal;
  /** Receives the lines that it logs. */
  readonly onLog?: (line: string) => void;
}

/**
 * Serves a job, given and answered as text: `harness/vllm/served.py` says what the lines are.
 *
 * @param job The job, JSON in one line.
 * @param options How.
 * @throws {UsageError} when the harness has no such program or the file cannot be written.
 * @throws {HarnessError} when the program cannot be started or ends before it is done.
 */
export async function serveEngine(job: string, options: ServeEngineOptions): Promise<void> {
  const { transport, devices, out, signal, onLog } = options;
  const visible = devices.length > 0 ? ["env", `CUDA_VISIBLE_DEVICES=${devices.join()}`] : [];
  const program = await programOf(options.harness, transport.length > 0);
  const argv = [...transport, ...visible, ...program, "--job", "-", "--out", "-"];
  const file = await openFile(out);
  const child = await startChild(argv, onLog === undefined ? {} : { onLog });
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
  if (!done) throw ended(child.log(), ending.exitCode, ending.signal);
}

function ended(log: string, exitCode: number | null, signal: string | null): HarnessError {
  const last = log.split("\n").at(-1) ?? "";
  return new HarnessError(
    `The engine ended before it had served all (${signal ?? `status ${exitCode}`})${
      last === "" ? "" : `: ${last}`
    }`,
    {
      stage: "fire",
      stderrTail: log,
      ...exitCode !== null && { exitCode },
      ...signal !== null && { signal },
    },
  );
}

async function programOf(harness: string, elsewhere: boolean): Promise<readonly string[]> {
  if (harness === "vllm") {
    return await pythonArgv({
      harness: "vllm",
      file: "harness/vllm/served.py",
      venv: ".venv",
      variable: "SHOTLAB_PYTHON",
      setup: "deno task setup",
    }, elsewhere);
  }
  const argv = harness.startsWith("cmd:") ? splitArgv(harness.slice("cmd:".length)) : null;
  if (argv !== null && argv.length > 0) return argv;
  throw new UsageError(
    `Cannot serve with the harness '${harness}': a whole engine is vllm, or cmd:<command> that serves jobs`,
  );
}

async function openFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.create(path);
  } catch (cause) {
    throw new UsageError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function writeLine(file: Deno.FsFile, line: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
