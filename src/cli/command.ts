/**
 * What the commands share.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import { SIMULATORS } from "../bundle/simulator.ts";
import { resolveFlags, type Settings } from "../settings.ts";
import { type Flags, settingsAmong } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** Runs a command's body and keeps the exit status that it returns. */
export type Run = (body: (terminal: Terminal) => Promise<number>) => Promise<void>;

/**
 * The settings among a command's flags.
 *
 * @param flags The flags.
 * @param terminal Whose environment says what the flags do not.
 * @returns The settings.
 * @throws {UsageError} when a setting is not allowed or missing.
 */
export function settingsOf(flags: Flags, terminal: Pick<Terminal, "env">): Settings {
  return resolveFlags(settingsAmong(flags), terminal.env);
}

/**
 * The flag of commands that have no setting for it.
 *
 * @returns The flag `--verbose`.
 */
export function verboseFlag(): Option {
  return new Option("--verbose", "Show where an error comes from").helpGroup("Options:");
}

/**
 * The flag that names a simulator.
 *
 * @param description What it is for.
 * @returns The flag `--simulator`.
 */
export function simulatorFlag(description: string): Option {
  return new Option("--simulator <name>", description).choices(SIMULATORS);
}

/**
 * The flag that says what a device has been doing.
 *
 * @returns The flag.
 */
export function stateFlag(): Option {
  return new Option(
    "--state <state>",
    "A device at rest, or one that is at work all the time (docs/sustained.md)",
  )
    .choices(["cool", "sustained"])
    .default("cool");
}

/**
 * Reads a count.
 *
 * @param text A flag's value.
 * @returns The count.
 * @throws {InvalidArgumentError} when it is no integer of at least 1.
 */
export function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected an integer of at least 1.");
}

/**
 * What a command prints for programs.
 *
 * @param value What it found.
 * @returns JSON, indented by two spaces, with its line's end.
 *
 * @example
 * ```ts
 * import { jsonText } from "./command.ts";
 * import assert from "node:assert/strict";
 * assert.equal(jsonText({ tps: [1] }), '{\n  "tps": [\n    1\n  ]\n}\n');
 * ```
 */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Characters of a line of help. */
const HELP_WIDTH = 80;

/**
 * What a command's help ends with.
 *
 * @param lines Calls of the command, the program's name left out, that a test runs as they stand.
 * @returns The text; a call that is longer than a line goes on in the next, as a shell reads it.
 *
 * @example
 * ```ts
 * import { examples } from "./command.ts";
 * import assert from "node:assert/strict";
 * assert.equal(examples("models --json"), "\nExample:\n  shotlab models --json");
 * ```
 */
export function examples(...lines: readonly [string, ...string[]]): string {
  const calls = lines.map((line) => {
    const parts = [`  shotlab`];
    for (const word of line.match(/(?:-\S+ (?!-))?(?:"[^"]*"|\S+)/g)!) {
      const last = parts.at(-1)!;
      if (last.length + 1 + word.length + 2 <= HELP_WIDTH) parts[parts.length - 1] = `${last} ${word}`;
      else parts.push(`    ${word}`);
    }
    return parts.join(" \\\n");
  });
  return `\nExample${lines.length === 1 ? "" : "s"}:\n${calls.join("\n")}`;
}
