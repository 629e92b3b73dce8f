/**
 * Where the engine can be set up.
 *
 * @module
 */
import { UsageError } from "../../src/errors.ts";

const NAMES: Partial<Record<typeof Deno.build.os, string>> = { darwin: "macOS", windows: "Windows" };

/**
 * Refuses what cannot be set up on a system.
 *
 * @param os The operating system.
 * @param engine Whether the engine is to be set up; without it, JupyterLab is.
 * @throws {UsageError} where it cannot, with what works there and what does not.
 *
 * @example
 * ```ts
 * import { checkPlatform } from "./platform.ts";
 * import assert from "node:assert/strict";
 * assert.throws(() => checkPlatform("darwin", true), /On macOS .* work/);
 * checkPlatform("darwin", false);
 * ```
 */
export function checkPlatform(os: typeof Deno.build.os, engine: boolean): void {
  if (os === "linux" || (os === "darwin" && !engine)) return;
  const wsl = os === "windows" ? ", or in WSL on this one" : "";
  throw new UsageError(
    `Cannot set up here: vLLM's wheels are for Linux alone. On ${
      NAMES[os] ?? os
    } the SDK, the command line with the ` +
      `roofline and replay harnesses, and harnesses on remote Linux machines (docs/remote.md) work; measuring this ` +
      `machine itself and the whole test suite do not. Run this again on Linux${wsl}, or try: ` +
      `deno task quickstart --harness roofline:H100`,
  );
}
