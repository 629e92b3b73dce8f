// deno-lint-ignore-file no-console
/**
 * Sets up the Python environment in `.venv`: the CUDA build of vLLM where `nvidia-smi` answers, the CPU build
 * elsewhere; with `--ray` also Ray's own in `.venv-ray`. Running it again installs only what changed.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { UsageError } from "../src/errors.ts";
import { pipInstall } from "./pip.ts";
import { findPython, run } from "./python.ts";

/** One requirements file and how it is installed. */
interface Requirements {
  title: string;
  file: string;
  args: readonly string[];
  needsGiB: number;
}

const ENGINES: Record<"cpu" | "cuda", Requirements> = {
  cpu: {
    title: "vLLM for the CPU",
    file: "harness/vllm/requirements-cpu.txt",
    args: ["--no-deps"],
    needsGiB: 6,
  },
  cuda: { title: "vLLM for CUDA", file: "harness/vllm/requirements-cuda.txt", args: [], needsGiB: 20 },
};
const DEVELOPMENT: Requirements = {
  title: "test tools",
  file: "harness/vllm/requirements-dev.txt",
  args: [],
  needsGiB: 0.2,
};
const NOTEBOOK: Requirements = {
  title: "JupyterLab",
  file: "notebooks/requirements.txt",
  args: [],
  needsGiB: 0.5,
};

const RAY: Requirements = { title: "Ray", file: "harness/ray/requirements.txt", args: [], needsGiB: 0.5 };

/** What to set up. */
export interface SetupOptions {
  /** The engine. @default {true} */
  engine?: boolean;
  /** The tools that the tests need. @default {false} */
  dev?: boolean;
  /** JupyterLab. @default {false} */
  notebook?: boolean;
  /** Ray, in an environment of its own. @default {false} */
  ray?: boolean;
  /** Where messages go. */
  say: (line: string) => void;
}

/**
 * Sets the environments up.
 *
 * @param options What is set up.
 * @returns The Python of `.venv`.
 * @throws {UsageError} when it cannot, with the remedy.
 */
export async function setup(options: SetupOptions): Promise<string> {
  const { engine = true, dev = false, notebook = false, ray = false, say } = options;
  const gpu = (await run(["nvidia-smi", "-L"]))?.success ?? false;
  const wanted = [
    ...(engine ? [ENGINES[gpu ? "cuda" : "cpu"]] : []),
    ...(dev ? [DEVELOPMENT] : []),
    ...(notebook ? [NOTEBOOK] : []),
  ];
  if (ray) await setupEnvironment(".venv-ray", [RAY], say);
  return await setupEnvironment(".venv", wanted, say);
}

async function setupEnvironment(
  name: string,
  wanted: readonly Requirements[],
  say: SetupOptions["say"],
): Promise<string> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const venv = root + name;
  const python = `${venv}/bin/python`;
  const usable = (await run([python, "-m", "pip", "--version"]))?.success ?? false;
  const done = usable ? await readStamp(`${venv}/shotlab.json`) : {};
  const missing: Requirements[] = [];
  for (const one of wanted) if (done[one.file] !== await hashOf(root + one.file)) missing.push(one);
  if (missing.length === 0) return python;

  say(`Setting up in ${venv}: ${missing.map((one) => one.title).join(", ")}`);
  await checkDisk(root, missing.reduce((sum, one) => sum + one.needsGiB, 0));
  if (!usable) {
    const made = await run([await findPython(), "-m", "venv", "--clear", venv]);
    if (!made?.success) {
      throw new UsageError(
        `Cannot make the Python environment ${venv}: ${
          (made?.stdout || made?.stderr || "").trim().split("\n").at(-1)
        }; ` +
          `Debian and Ubuntu need: apt install python3-venv`,
      );
    }
  }
  for (const one of missing) {
    await pipInstall({ ...one, python, file: root + one.file });
    done[one.file] = await hashOf(root + one.file);
    await Deno.writeTextFile(`${venv}/shotlab.json`, JSON.stringify(done, null, 2) + "\n");
  }
  return python;
}

async function readStamp(path: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return {};
    throw error;
  }
}

async function hashOf(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

async function checkDisk(folder: string, needsGiB: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeGiB = bavail * bsize / 2 ** 30;
  if (freeGiB < needsGiB) {
    throw new UsageError(
      `Cannot set up in ${folder}: it needs ${needsGiB} GiB of disk, ${
        freeGiB.toFixed(1)
      } GiB are free; free some and run this again`,
    );
  }
}

if (import.meta.main) {
  try {
    const python = await setup({
      dev: Deno.args.includes("--dev"),
      ray: Deno.args.includes("--ray"),
      say: console.log,
    });
    console.log(`Ready: ${python}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
