// deno-lint-ignore-file no-console
/**
 * Formatting, lint, types, documentation and structure of both languages; stops at the first that fails.
 *
 * @module
 */
import { execa } from "execa";
import { setup } from "./setup.ts";

const python = await setup({ dev: true, say: console.log });
const deno = Deno.execPath();
const CHECKS: readonly (readonly string[])[] = [
  [deno, "fmt", "--check"],
  [deno, "lint"],
  [deno, "check", "mod.ts", "view.ts", "src", "tests", "tasks"],
  [deno, "run", "--allow-read", "tasks/structure.ts"],
  [deno, "run", "--allow-read", "tasks/words.ts"],
  [deno, "doc", "--quiet", "--lint", "mod.ts"],
  [python, "-m", "ruff", "check", "harness", "tasks", "tests"],
  [python, "-m", "ruff", "format", "--check", "harness", "tasks", "tests"],
  [python, "-m", "mypy", "harness/vllm", "harness/ray"],
];
for (const [program, ...args] of CHECKS) {
  console.log(`> ${program!.split("/").at(-1)} ${args.join(" ")}`);
  const { failed, exitCode } = await execa(program!, args, { stdio: "inherit", reject: false });
  if (failed) Deno.exit(exitCode ?? 1);
}
