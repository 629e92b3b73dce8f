/** Requirements of small packages that are made for a test. */
import assert from "node:assert/strict";
import type { Requirements } from "../../../tasks/setup/environment.ts";
import { findPython } from "../../../tasks/setup/python.ts";

/** Packages of it. */
const PACKAGES = 12;

/** What is installed. */
export const SMALL: Requirements = { title: "parts", file: "r.txt", args: [], sizeGB: null, needsGB: 0.1 };

/** Variables that let pip see these packages alone. */
export type Mirror = Record<"PIP_NO_INDEX" | "PIP_FIND_LINKS" | "PIP_CONFIG_FILE", string>;

/**
 * Makes the packages and the requirements file.
 *
 * @param root The folder, with a slash at its end.
 * @returns What pip is told.
 */
export async function makeSmall(root: string): Promise<Mirror> {
  const wheels = `${root}wheels`;
  await Deno.mkdir(wheels);
  const args = ["tests/tasks/setup/wheels.py", wheels, String(PACKAGES)];
  const { success, stderr } = await new Deno.Command(await findPython(), { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const names = Array.from({ length: PACKAGES }, (_, i) => `part${i}==1.0\n`);
  await Deno.writeTextFile(`${root}${SMALL.file}`, names.join(""));
  return { PIP_NO_INDEX: "1", PIP_FIND_LINKS: `file://${encodeURI(wheels)}`, PIP_CONFIG_FILE: "/dev/null" };
}

/**
 * Checks that all modules of all packages are there.
 *
 * @param root The folder, with a slash at its end.
 */
export async function assertWhole(root: string): Promise<void> {
  const program = `import importlib
for part in range(${PACKAGES}):
    for number in range(40):
        assert importlib.import_module(f"part{part}.m{number}").NUMBER == number
`;
  const { success, stderr } = await new Deno.Command(`${root}.venv/bin/python`, { args: ["-c", program] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
