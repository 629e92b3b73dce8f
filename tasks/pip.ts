/**
 * Installs requirement files with pip, showing what is going on all the time.
 *
 * @module
 */
import { basename } from "node:path";
import { SingleBar } from "cli-progress";
import { UsageError } from "../src/errors.ts";
import { linesOf } from "./lines.ts";

/** PyTorch's own index of CPU builds, asked when the configured indexes do not have torch's `+cpu` version. */
const TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu";

/** What to install. */
export interface PipInstall {
  /** The environment's Python. */
  python: string;
  /** The requirements file. */
  file: string;
  /** More arguments for `pip install`. */
  args: readonly string[];
  /** What it is, for the progress line. */
  title: string;
}

/**
 * Installs a requirements file.
 *
 * @param install What and where.
 * @throws {UsageError} when pip fails, with the cause and the remedy.
 */
export async function pipInstall(install: PipInstall): Promise<void> {
  const first = await attempt(install, []);
  if (first === null) return;
  const missesTorch = /No matching distribution found for torch==\S+\+cpu/.test(first);
  const failure = missesTorch ? await attempt(install, ["--extra-index-url", TORCH_CPU_INDEX]) : first;
  if (failure !== null) throw new UsageError(explainPip(failure, install));
}

async function attempt(install: PipInstall, more: readonly string[]): Promise<string | null> {
  const total =
    (await Deno.readTextFile(install.file)).split("\n").filter((line) => /^[\w.-]+==/.test(line)).length;
  const child = new Deno.Command(install.python, {
    args: [
      "-m",
      "pip",
      "install",
      "--disable-pip-version-check",
      "--no-input",
      "--progress-bar",
      "off",
      ...install.args,
      ...more,
      "-r",
      install.file,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const bar = new SingleBar({
    format: `  ${install.title} [{bar}] {value}/{total} {what} ({duration_formatted})`,
    noTTYOutput: true,
    notTTYSchedule: 5000,
    hideCursor: true,
  });
  bar.start(total, 0, { what: "starting" });
  const ticker = setInterval(() => bar.updateETA(), 1000);
  const errors = new Response(child.stderr).text();
  const seen = new Set<string>();
  try {
    for await (const line of linesOf(child.stdout)) {
      const name = /^(?:Collecting|Processing|Requirement already satisfied:) (\S+)/.exec(line)?.[1];
      if (name !== undefined) {
        seen.add(name);
        bar.setTotal(Math.max(total, seen.size));
        bar.update(seen.size, { what: basename(name) });
      }
      if (line.startsWith("Installing collected packages")) bar.update({ what: "unpacking, a minute or so" });
    }
  } finally {
    clearInterval(ticker);
    bar.stop();
  }
  return (await child.status).success ? null : await errors;
}

/**
 * Says in one sentence why pip failed and what to do.
 *
 * @param stderr What pip wrote.
 * @param install What was installed.
 * @returns The message.
 */
export function explainPip(stderr: string, install: Pick<PipInstall, "title" | "file">): string {
  const tried = `Cannot install ${install.title} (${install.file})`;
  if (/No space left on device|Errno 28/.test(stderr)) {
    return `${tried}: the disk is full; free some space and run this again`;
  }
  if (/No matching distribution found for torch==\S+\+cpu/.test(stderr)) {
    return `${tried}: no index that pip knows has torch's CPU build; ` +
      `give it PyTorch's CPU index (PIP_EXTRA_INDEX_URL=${TORCH_CPU_INDEX}) or a folder of wheels (PIP_FIND_LINKS) and run this again`;
  }
  if (
    /name resolution|NewConnectionError|ConnectTimeout|Network is unreachable|Max retries|ProxyError/.test(
      stderr,
    )
  ) {
    return `${tried}: the package index cannot be reached; check the network or pip's configuration (pip config list) and run this again`;
  }
  const reason = stderr.split("\n").filter((line) => line.startsWith("ERROR:")).at(-1) ??
    stderr.trim().split("\n").at(-1);
  return `${tried}: pip says: ${reason}`;
}
