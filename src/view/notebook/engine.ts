/**
 * Whether this machine can measure.
 *
 * @module
 */
import { execa } from "execa";
import { fileURLToPath } from "node:url";

/**
 * Whether vLLM is installed in the project's environment, as `deno task setup` does.
 *
 * @returns Whether it is; without it a roofline can stand in.
 *
 * @example
 * ```ts
 * import { engineInstalled } from "shotlab/view";
 * const harness = await engineInstalled() ? "vllm" : "roofline:H100";
 * console.assert(harness.length > 0);
 * ```
 */
export async function engineInstalled(): Promise<boolean> {
  const python = Deno.env.get("SHOTLAB_PYTHON") ||
    fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
  const program = "import sys, importlib.util as u; sys.exit(u.find_spec('vllm') is None)";
  const { failed } = await execa(python, ["-c", program], { cleanup: false, reject: false });
  return !failed;
}
