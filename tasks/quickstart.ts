// deno-lint-ignore-file no-console
/**
 * From a fresh clone to a first bundle: sets up, then profiles a small model's layers on this machine.
 *
 * @module
 */
import { cli } from "../src/cli.ts";
import { UsageError } from "../src/errors.ts";
import { setup } from "./setup.ts";

try {
  await setup({ dev: false, say: console.log });
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}
const hardware = Deno.env.get("HARDWARE") || "MYBOX";
const what = ["--model", "Qwen/Qwen3-0.6B", "--hardware", hardware, "--preset", "quick"];
Deno.exit(await cli(["profile", ...what, ...Deno.args]));
