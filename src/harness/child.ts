/**
 * A child process that talks in lines and leaves nothing behind.
 *
 * @module
 */
import { execa } from "execa";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { HarnessError } from "../errors.ts";
import { hideSecrets } from "../hide_secrets.ts";
import { logLines, textLines } from "./lines.ts";

const MAX_LINE_CHARS = 2 ** 20;
const LOG_LINE_CHARS = 2000;
const LOG_LINES = 40;
/** How long output is awaited of a process that has ended: somebody else may hold its pipes. */
const DRAIN_MS = 300;

/** How a process ended. */
export interface Ending {
  /** Its exit code, null when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
  /** Whether it had to be killed. */
  readonly killed: boolean;
}

/** A running child process. */
export interface Child {
  /** Its process id, which is its group's too. */
  readonly pid: number;
  /** Writes to its standard input; that it reads no more shows in its end. */
  send(text: string): void;
  /** The next line of its standard output, `undefined` at the end. */
  receive(): Promise<string | undefined>;
  /** Closes its standard input, kills what is left after `graceMs`, and resolves when nothing is. */
  stop(graceMs: number): Promise<Ending>;
  /** The last lines of its standard error, secrets hidden. */
  log(): string;
}

let living: readonly number[] = [];
let onLiving = (_groups: readonly number[]): void => {};

/**
 * Says which process groups live, now and whenever that changes: who ends us from outside must end them too.
 *
 * @param told Called with their ids.
 */
export function watchChildren(told: (groups: readonly number[]) => void): void {
  onLiving = told;
  onLiving(living);
}

function setLiving(groups: readonly number[]): void {
  living = groups;
  onLiving(living);
}

/** Why a program could not be started, as execa tells it. */
interface Failure {
  readonly code?: string | undefined;
  readonly originalMessage?: string | undefined;
  readonly cause?: unknown;
}

/** How a child is started. */
export interface ChildOptions {
  /** Folder that it starts in, by default ours. */
  readonly cwd?: string;
  /** Variables beside those of our environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of its standard error, secrets hidden. */
  readonly onLog?: (line: string) => void;
}

/**
 * Starts a program in a process group of its own, so that a terminal's Ctrl-C does not reach it and a kill reaches
 * all that it started. It is to end when its standard input does, as it also will when we are killed; when we exit, it
 * is killed.
 *
 * @param argv Program and arguments.
 * @param options How.
 * @returns The child.
 * @throws {HarnessError} of stage `spawn` when the program cannot be started.
 */
export async function startChild(
  argv: readonly string[],
  { cwd, env, onLog }: ChildOptions = {},
): Promise<Child> {
  const [program, ...args] = argv;
  const process = execa(program!, args, {
    ...cwd !== undefined && { cwd },
    ...env !== undefined && { env },
    stdin: "pipe",
    buffer: false,
    reject: false,
    killDescendants: true,
    // Its handlers of signals would end us before a run is saved; what it misses, Deno.exit, is below.
    cleanup: false,
  });
  const kill = (): void => void process.kill("SIGKILL");
  const { pid } = process;
  if (pid === undefined) throw notStarted(program!, await process);
  addEventListener("unload", kill);
  setLiving([...living, pid]);
  const tail: string[] = [];
  const logged = (async (): Promise<void> => {
    for await (const text of logLines(untilClosed(process.stderr), LOG_LINE_CHARS)) {
      const line = hideSecrets(text);
      tail.push(line);
      if (tail.length > LOG_LINES) tail.shift();
      onLog?.(line);
    }
  })();
  const lines = textLines(untilClosed(process.stdout), MAX_LINE_CHARS);
  // Asked for at once: a stream that nobody reads is emptied into nothing.
  let first: Promise<IteratorResult<string>> | null = lines.next();
  first.catch(() => {});
  let killed = false;
  const ended = once(process.nodeChildProcess, "exit").then(async () => {
    kill();
    removeEventListener("unload", kill);
    setLiving(living.filter((group) => group !== pid));
    await within(DRAIN_MS, logged);
    process.stdin.destroy();
    process.stderr.destroy();
  });
  return {
    pid,
    send: (text) => void process.stdin.write(text),
    async receive(): Promise<string | undefined> {
      const next = first ?? lines.next();
      first = null;
      return (await next).value;
    },
    async stop(graceMs): Promise<Ending> {
      process.stdin.end();
      if (!await within(graceMs, ended)) {
        killed = true;
        kill();
      }
      await ended;
      process.stdout.destroy();
      const { exitCode, signal } = await process;
      return { exitCode: exitCode ?? null, signal: signal ?? null, killed };
    },
    log: () => tail.join("\n"),
  };
}

/** execa's error, of a program that cannot be started, as ours. */
function notStarted(program: string, { code, originalMessage, cause }: Failure): HarnessError {
  const reason = code === "ENOENT" ? "there is no such program on the PATH" : originalMessage;
  const message = `Cannot start the harness program '${hideSecrets(program)}': ${reason}`;
  return new HarnessError(message, { stage: "spawn" }, { cause });
}

/** What is in a stream up to its end, or until it is destroyed. */
async function* untilClosed(stream: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}

/** Whether `promise` is done within `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
