/**
 * A child process that talks in lines and leaves nothing behind.
 *
 * @module
 */
import { HarnessError } from "../errors.ts";
import { hideSecrets } from "../hide_secrets.ts";
import { followLog, lineReader } from "./lines.ts";

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
 * all that it started. It is to end when its standard input does, as it also will when we are killed.
 *
 * @param argv Program and arguments.
 * @param options How.
 * @returns The child.
 * @throws {HarnessError} of stage `spawn` when the program cannot be started.
 */
export function startChild(argv: readonly string[], options: ChildOptions): Child {
  const process = spawn(argv, options);
  const stdin = process.stdin.getWriter();
  const stdout = lineReader(process.stdout, MAX_LINE_CHARS);
  const stderr = process.stderr.getReader();
  const tail: string[] = [];
  const logged = followLog(stderr, LOG_LINE_CHARS, (text) => {
    const line = hideSecrets(text);
    tail.push(line);
    if (tail.length > LOG_LINES) tail.shift();
    options.onLog?.(line);
  });
  let killed = false;
  const ended = process.status.then(async ({ code, signal }): Promise<Ending> => {
    killGroup(process.pid);
    await within(DRAIN_MS, logged);
    await stderr.cancel();
    await stdin.abort().catch(() => {});
    return { exitCode: signal === null ? code : null, signal, killed };
  });
  return {
    pid: process.pid,
    send: (text) => void stdin.write(new TextEncoder().encode(text)).catch(() => {}),
    receive: () => stdout.next(),
    async stop(graceMs): Promise<Ending> {
      stdin.close().catch(() => {});
      if (!await within(graceMs, ended)) {
        killed = true;
        killGroup(process.pid);
      }
      const ending = await ended;
      await stdout.cancel();
      return ending;
    },
    log: () => tail.join("\n"),
  };
}

function spawn(argv: readonly string[], { cwd, env }: ChildOptions): Deno.ChildProcess {
  const [program, ...args] = argv;
  try {
    return new Deno.Command(program!, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: { ...env } }),
    }).spawn();
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? "there is no such program on the PATH"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new HarnessError(`Cannot start the harness program '${hideSecrets(program!)}': ${reason}`, {
      stage: "spawn",
    }, {
      cause,
    });
  }
}

/** Kills a process with all of its group; `child.kill` works only once and reaches only the child. */
function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
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
