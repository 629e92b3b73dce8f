/**
 * What the quickstart is asked for: the settings of `shotlab profile`, with defaults of its own.
 *
 * @module
 */
import { Command } from "commander";
import { settingsOf } from "../../src/cli/command.ts";
import { addFlags, type Flags, SETTINGS_HELP } from "../../src/cli/flags.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import type { Settings } from "../../src/settings.ts";
import { shellWord } from "../../src/settings/argv.ts";
import { flagOf, GROUPS } from "../../src/settings/table.ts";

/** Seconds of the run, two boots included: with the environment's set-up beside it, a quickstart stays within three minutes. */
const BUDGET_S = 140;

/** What is measured unless flags or the environment say something else, by environment variable. */
const DEFAULTS = {
  MODEL: "Qwen/Qwen3-0.6B",
  HARDWARE: "MYBOX",
  SHOTLAB_PRESET: "quick",
  SHOTLAB_BUDGET: String(BUDGET_S),
} as const;

/** What the quickstart is asked for. */
export interface Request {
  /** The settings. */
  readonly settings: Settings;
  /** Whether vLLM is to run on this machine, so that it has to be set up. */
  readonly isHere: boolean;
  /** The flags that were given. */
  readonly flags: Flags;
}

/**
 * Reads the command line.
 *
 * @param args Its words.
 * @param terminal Whose environment says what the flags do not, and where help is written.
 * @returns The request.
 * @throws {CommanderError} when help was asked for, or a flag is unknown.
 * @throws {UsageError} when a setting is not allowed.
 */
export function readRequest(args: readonly string[], terminal: Terminal): Request {
  const command = addFlags(new Command("deno task quickstart"), GROUPS, ["parity"])
    .description(
      `Sets up vLLM, then profiles a small model's layers on this machine. The settings are those of the command ` +
        `profile, here with the defaults --model ${DEFAULTS.MODEL} --hardware ${DEFAULTS.HARDWARE} --preset ` +
        `${DEFAULTS.SHOTLAB_PRESET} --budget ${BUDGET_S}, and on a processor the type that it computes with as it is.`,
    )
    .addHelpText(
      "after",
      `${SETTINGS_HELP}\n\nExample: deno task quickstart --dtype float32 --hardware MYBOX --budget 5min`,
    )
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  command.parse([...args], { from: "user" });
  const flags = command.opts<Flags>();
  const given = Object.entries(terminal.env).filter(([, value]) => value !== "");
  const env = { ...DEFAULTS, ...Object.fromEntries(given) };
  const settings = settingsOf(flags, { ...terminal, env });
  return { settings, isHere: settings.harness === "vllm" && settings.transport.length === 0, flags };
}

/**
 * The command that measures all that a request is about, for as long as that takes.
 *
 * @param request The request, its settings as they were measured.
 * @returns The command line.
 */
export function wholeCommand({ settings, flags }: Omit<Request, "isHere">): string {
  const { model, hardware, dtype } = settings;
  const said = Object.entries({
    ...flags,
    model,
    hardware,
    preset: flags["preset"] ?? "quick",
    dtype: dtype ?? undefined,
  })
    .filter(([option, value]) =>
      value !== undefined && !["budget", "adaptive", "prior", "force", "yes"].includes(option)
    );
  const words = said.flatMap(([option, value]) =>
    value === true
      ? [flagOf(option)]
      : value === false
      ? [flagOf(option).replace("--", "--no-")]
      : [flagOf(option), String(value)]
  );
  return ["deno", "task", "shotlab", "profile", ...words].map(shellWord).join(" ");
}
