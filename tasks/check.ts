// deno-lint-ignore-file no-console
/**
 * Formatting, lint, types, documentation and structure of both languages; stops at the first that fails.
 *
 * @module
 */
import { execa } from "execa";
import { ENTRIES } from "./structure.ts";
import { runScript } from "./script.ts";
import { setup } from "./setup.ts";

/** Folders of scripts that drive the worker's code on a device, which no test runs whole. */
const TRIALS = ["depth", "device", "layerwise", "truth"].map((name) => `tests/bench/${name}`);

/** What `deno doc --lint` says of documentation, but for data frames, whose types are the library's own. */
function documentationFaults(text: string): string[] {
  // deno-lint-ignore no-control-regex
  const lines = text.replace(/\x1b\[[\d;]*m/g, "").split("\n");
  return lines.filter((line) => /^error\[/.test(line) && !/private type '(pl|DataFrame)'$/.test(line));
}

await runScript({ usage: "deno task check" }, async () => {
  const python = await setup({ dev: true, say: console.log });
  const deno = Deno.execPath();
  const checks: readonly (readonly string[])[] = [
    [deno, "fmt", "--check"],
    [deno, "lint"],
    [deno, "check", ...ENTRIES, "src", "tests", "tasks"],
    [deno, "run", "-A", "tasks/structure.ts"],
    [deno, "run", "-A", "tasks/words.ts"],
    [python, "-m", "ruff", "check", "harness", "tasks", "tests"],
    [python, "-m", "ruff", "format", "--check", "harness", "tasks", "tests"],
    [python, "-m", "mypy", "harness/vllm", "harness/ray", ...TRIALS],
  ];
  for (const entry of ENTRIES) {
    console.log(`> deno doc --lint ${entry}`);
    const { stdout, stderr } = await execa(deno, ["doc", "--quiet", "--lint", entry], { reject: false });
    const faults = documentationFaults(stdout + stderr);
    for (const fault of faults) console.error(fault);
    if (faults.length > 0) return 1;
  }
  for (const [program, ...args] of checks) {
    console.log(`> ${program!.split("/").at(-1)} ${args.join(" ")}`);
    const { failed, exitCode } = await execa(program!, args, { stdio: "inherit", reject: false });
    if (failed) return exitCode ?? 1;
  }
  return 0;
});
