/**
 * Installs requirement files: with uv, which is fast, or with pip where uv is not to be had or cannot do as pip is
 * told. Only wheels are installed, nothing is compiled.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { plural } from "../../src/count_text.ts";
import { UsageError } from "../../src/errors.ts";
import { runFill } from "./fill.ts";
import { uvConfig } from "./pip_config.ts";
import { progressLine, standardOutput } from "./progress_line.ts";
import { run } from "./python.ts";

/** PyTorch's own index of CPU builds, asked when the configured indexes do not have torch's `+cpu` version. */
const TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu";

const UV_REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));

/** Folder in an environment where wheels lie until all are installed: an attempt that is cut short keeps them. */
export const SCRATCH = "setup";

/** What to install. */
export interface Install {
  /** Folder of the environment. */
  venv: string;
  /** The requirements file. */
  file: string;
  /** More arguments for `pip install`. */
  args: readonly string[];
  /** What it is, for the progress line. */
  title: string;
  /** What it takes of the disk once it is installed, in GB, about; null where that depends. */
  sizeGB: number | null;
  /** Where messages go. */
  say: (line: string) => void;
}

/** A program that installs. */
interface Installer {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

/**
 * Installs a requirements file.
 *
 * @param install What and where.
 * @throws {UsageError} when it cannot be installed, with the cause and the remedy.
 */
export async function installRequirements(install: Install): Promise<void> {
  const scratch = `${install.venv}/${SCRATCH}`;
  await Deno.mkdir(`${scratch}/tmp`, { recursive: true });
  const pip: Installer = {
    argv: [pythonOf(install.venv), "-m", "pip", "install", ...PIP_ARGS],
    env: { TMPDIR: `${scratch}/tmp` },
  };
  const uv = await findUv(install, pip);
  let failure = uv === null ? null : await installWith(uv, install);
  if (uv === null || (failure !== null && knownCause(failure) === null)) {
    if (failure !== null) {
      install.say(`uv does not install ${install.title} (${lastLine(failure)}): pip tries`);
    }
    failure = await installWith(pip, install);
  }
  if (failure !== null) throw new UsageError(explainFailure(failure, install));
  await Deno.remove(scratch, { recursive: true });
}

const PIP_ARGS = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-compile"];

/** Uv, told what pip is told; null where pip must do the work. */
async function findUv({ venv, say }: Install, pip: Installer): Promise<Installer | null> {
  const listed = await run([pythonOf(venv), "-m", "pip", "config", "list"]);
  const config = uvConfig(listed?.stdout ?? "");
  if (typeof config === "string") {
    say(`pip installs: its option ${config} is set, which uv does not know`);
    return null;
  }
  const pinned = /^uv==(\S+)$/m.exec(await Deno.readTextFile(UV_REQUIREMENTS))![1]!;
  if (!(await run([`${venv}/bin/uv`, "--version"]))?.stdout.startsWith(`uv ${pinned} `)) {
    const argv = [...pip.argv, "--only-binary", ":all:", "-r", UV_REQUIREMENTS];
    const failure = await runFill({ python: pythonOf(venv), venv, argv, env: pip.env });
    if (failure !== null) {
      say(`pip installs: uv is not to be had (${lastLine(failure)})`);
      return null;
    }
  }
  const strategy = ["--index-strategy", "unsafe-best-match"];
  return {
    argv: [`${venv}/bin/uv`, "pip", "install", "--python", pythonOf(venv), ...strategy, ...config.args],
    env: { UV_CACHE_DIR: `${venv}/${SCRATCH}/uv`, UV_NO_PROGRESS: "1", ...pip.env, ...config.env },
  };
}

/** Installs with a program, torch's CPU build from PyTorch's own index if no other has it. */
async function installWith(installer: Installer, install: Install): Promise<string | null> {
  const failure = await attempt(installer, install, []);
  if (failure === null || !missesTorch(failure)) return failure;
  const again = await attempt(installer, install, ["--extra-index-url", TORCH_CPU_INDEX]);
  return again !== null && UNREACHABLE.test(again) ? failure : again;
}

/** What the installer wrote to standard error, null when it installed all. */
async function attempt(
  { argv, env }: Installer,
  { venv, file, args, title, sizeGB }: Install,
  more: readonly string[],
): Promise<string | null> {
  const line = progressLine(standardOutput());
  const begun = performance.now();
  line.show(`  ${title}: asking the index what is needed`);
  try {
    return await runFill({
      python: pythonOf(venv),
      venv,
      argv: [...argv, "--only-binary", ":all:", ...args, ...more, "-r", file],
      env,
      onProgress: (bytes, files) =>
        line.show(`  ${title}: ${unpackedText(bytes, files, sizeGB, performance.now() - begun)}`),
    });
  } finally {
    line.end();
  }
}

/**
 * How far an installation is, in words.
 *
 * @param bytes Bytes that it has brought.
 * @param files Files that it has brought.
 * @param sizeGB GB in the end, about; null where nobody knows.
 * @param ms How long it has taken, in milliseconds.
 * @returns The text.
 */
export function unpackedText(bytes: number, files: number, sizeGB: number | null, ms: number): string {
  const total = sizeGB === null ? "" : ` of about ${sizeGB}`;
  return `${(bytes / 1e9).toFixed(2)}${total} GB, ${plural(files, "file")}, ${Math.round(ms / 1000)} s`;
}

function pythonOf(venv: string): string {
  return `${venv}/bin/python`;
}

function missesTorch(stderr: string): boolean {
  return /No matching distribution found for torch==\S+\+cpu/.test(stderr) ||
    /no version of torch==\S+\+cpu|torch==\S+\+cpu has no wheels/.test(stderr);
}

/** The cause of a failure that another installer would meet as well, with the remedy; null for any other. */
function knownCause(stderr: string): string | null {
  if (/No space left on device|Errno 28/i.test(stderr)) {
    return "the disk is full; free some space and run this again";
  }
  if (missesTorch(stderr)) {
    return "no index that pip knows has torch's CPU build for this Python; " +
      `give it PyTorch's CPU index (PIP_EXTRA_INDEX_URL=${TORCH_CPU_INDEX}) or a folder of wheels (PIP_FIND_LINKS) and run this again`;
  }
  if (UNREACHABLE.test(stderr)) {
    return "the package index cannot be reached; check the network or pip's configuration (pip config list) and run this again";
  }
  return null;
}

const UNREACHABLE = new RegExp(
  "name resolution|NewConnectionError|ConnectTimeout|Network is unreachable|Max retries|ProxyError|" +
    "dns error|tcp connect error|error sending request|Failed to fetch",
);

/**
 * Says in one sentence why an installer failed and what to do.
 *
 * @param stderr What it wrote.
 * @param install What was installed.
 * @returns The message.
 */
export function explainFailure(stderr: string, install: Pick<Install, "title" | "file">): string {
  const tried = `Cannot install ${install.title} (${install.file})`;
  return `${tried}: ${knownCause(stderr) ?? `the installer says: ${lastLine(stderr)}`}`;
}

function lastLine(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return (lines.filter((line) => line.startsWith("ERROR:")).at(-1) ?? lines.at(-1) ?? "").trim();
}
