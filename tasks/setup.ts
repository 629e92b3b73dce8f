// deno-lint-ignore-file no-console
/**
 * Sets up the Python environment in `.venv`: the CUDA build of vLLM where `nvidia-smi` answers, the CPU build
 * elsewhere; with `--ray` also Ray's own in `.venv-ray`. Running it again installs only what changed.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runScript } from "./script.ts";
import { type Requirements, setupEnvironment } from "./setup/environment.ts";
import { checkPlatform } from "./setup/platform.ts";
import { run } from "./setup/python.ts";

const ENGINES: Record<"cpu" | "cuda", Requirements> = {
  cpu: {
    title: "vLLM for the CPU",
    file: "harness/vllm/requirements-cpu.txt",
    args: ["--no-deps"],
    sizeGB: 2.8,
    needsGB: 4,
  },
  cuda: {
    title: "vLLM for CUDA",
    file: "harness/vllm/requirements-cuda.txt",
    args: [],
    sizeGB: null,
    needsGB: 20,
  },
};
const DEVELOPMENT: Requirements = {
  title: "test tools",
  file: "harness/vllm/requirements-dev.txt",
  args: [],
  sizeGB: 0.1,
  needsGB: 0.2,
};
const NOTEBOOK: Requirements = {
  title: "JupyterLab",
  file: "notebooks/requirements.txt",
  args: [],
  sizeGB: 0.2,
  needsGB: 0.5,
};
const RAY: Requirements = {
  title: "Ray",
  file: "harness/ray/requirements.txt",
  args: [],
  sizeGB: 0.3,
  needsGB: 0.5,
};

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
  /** The operating system. @default this machine's */
  os?: typeof Deno.build.os;
}

/**
 * Sets the environments up.
 *
 * @param options What is set up.
 * @returns The Python of `.venv`.
 * @throws {UsageError} when it cannot, with the remedy.
 */
export async function setup(options: SetupOptions): Promise<string> {
  const { engine = true, dev = false, notebook = false, ray = false, say, os = Deno.build.os } = options;
  checkPlatform(os, engine);
  const root = fileURLToPath(new URL("..", import.meta.url));
  const gpu = (await run(["nvidia-smi", "-L"]))?.success ?? false;
  const wanted = [
    ...(engine ? [ENGINES[gpu ? "cuda" : "cpu"]] : []),
    ...(dev ? [DEVELOPMENT] : []),
    ...(notebook ? [NOTEBOOK] : []),
  ];
  if (ray) await setupEnvironment(".venv-ray", [RAY], { root, say });
  return await setupEnvironment(".venv", wanted, { root, say });
}

if (import.meta.main) {
  const options = { dev: { type: "boolean" }, ray: { type: "boolean" } } as const;
  await runScript(
    { usage: "deno task setup [--dev] [--ray]", options },
    async ({ dev = false, ray = false }) => {
      console.log(`Ready: ${await setup({ dev, ray, say: console.log })}`);
    },
  );
}
