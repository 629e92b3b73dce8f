/** Processes of a soak: the profile that is killed, and the workers below it. */
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("replay_worker.ts", import.meta.url));
const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** The command of a worker that replays a bundle, as a shell would have it. */
export function workerCommand(bundle: string, delayMs: number): string {
  return [Deno.execPath(), "run", "--no-check", "-A", WORKER, bundle, `${delayMs}`].join(" ");
}

/** The workers that replay a bundle, by their process ids. */
export function workersOf(bundle: string): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    const argv = pid > 0 ? readProc(pid, "cmdline").split("\0") : [];
    return argv.includes(WORKER) && argv.includes(bundle);
  });
}

/** Resident memory of a process in bytes, 0 when there is none. */
export function residentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, "status"))?.[1] ?? 0);
}

function readProc(pid: number, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return ""; // It has ended.
  }
}

/** Kills a process, which may have ended. */
export function kill(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A run of the command line. */
export interface Parent {
  readonly pid: number;
  /** Its exit status, null when it was killed, and its last words. */
  readonly ended: Promise<{ code: number | null; words: string }>;
}

/** Starts the command line. */
export function startParent(args: readonly string[]): Parent {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", CLI, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const words = lastWords(child.stderr);
  const ended = Promise.all([child.status, words]).then(([{ code, signal }, words]) => ({
    code: signal === null ? code : null,
    words,
  }));
  return { pid: child.pid, ended };
}

async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  let words = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) words = (words + text).slice(-2000);
  return words;
}
