/**
 * The settings as flags of a command.
 *
 * @module
 */
import { type Command, Option } from "commander";
import type { Settings } from "../settings.ts";
import { PRESET_NAMES, PRESETS } from "../settings/preset.ts";
import { PRESET_ENV } from "../settings/resolve.ts";
import { flagOf, type Group, OPTIONS, type Setting, SETTINGS } from "../settings/table.ts";

/** The flags of a command line by option name, as {@linkcode addFlags} lets them be given. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Gives a command a flag for every setting of some groups. A switch has a hidden twin that turns it off, so that a
 * flag can win over an environment variable that is on.
 *
 * @param command The command.
 * @param groups Headings of the settings' table.
 * @param except Settings of these groups that the command has no use for.
 * @param hidden Settings that play no role, and are taken so that another command's line can be given as it is.
 * @returns The command.
 */
export function addFlags(
  command: Command,
  groups: readonly Group[],
  except: readonly (keyof Settings)[] = [],
  hidden: readonly (keyof Settings)[] = [],
): Command {
  for (const group of groups) {
    for (const option of OPTIONS) {
      if (SETTINGS[option].group !== group || except.includes(option)) continue;
      for (const flag of flagsFor(option)) {
        command.addOption(flag.helpGroup(`${group}:`).hideHelp(flag.hidden || hidden.includes(option)));
      }
    }
    if (group === "Sweep") command.addOption(preset().helpGroup(`${group}:`));
  }
  return command;
}

/**
 * The settings among a command's flags.
 *
 * @param flags All of its flags.
 * @returns Texts and switches by option name, `--silent` and `--verbose` as the one setting that they are.
 */
export function settingsAmong({ silent, verbose, ...flags }: Flags): Flags {
  const verbosity = verbose === true ? "verbose" : silent === true ? "silent" : undefined;
  const known = [...OPTIONS, "preset"] as readonly string[];
  return Object.fromEntries(
    Object.entries({ ...flags, verbosity }).filter(([option]) => known.includes(option)),
  );
}

/** What the presets stand for, a flag a line. */
function presetsInWords(): string {
  return Object.entries(PRESETS).map(([name, settings]) => {
    const flags = Object.entries(settings).map(([option, value]) =>
      value === true ? flagOf(option) : `${flagOf(option)} ${value}`
    );
    return [`--preset ${name} stands for`, ...flags.map((flag) => `  ${flag}`)].join("\n");
  }).join("\n");
}

/** What the help of commands with settings says of them. */
export const SETTINGS_HELP = `
Flags win over environment variables; an empty variable is not set. Every switch
has a --no- form, such as --no-skip-skew.`;

/** What the help of commands with `--preset` says of it. */
export const PRESETS_HELP = `
${presetsInWords()}
Environment variables win over a preset, flags over both.`;

function flagsFor(option: keyof Settings): Option[] {
  const setting: Setting<unknown> = SETTINGS[option];
  if (option === "verbosity") {
    return [
      new Option("--silent", `Tell only warnings (${setting.env}=--silent)`).conflicts("verbose"),
      new Option("--verbose", `Tell everything, the engine's log included (${setting.env}=--verbose)`),
    ];
  }
  const flag = flagOf(option);
  const { placeholder } = setting.kind;
  const facts = [setting.env, defaultText(setting)].filter((fact) => fact !== "").join(", ");
  const described = new Option(`${flag} ${placeholder}`.trim(), `${setting.doc} (${facts})`);
  return placeholder === "" ? [described, new Option(flag.replace("--", "--no-")).hideHelp()] : [described];
}

function preset(): Option {
  const doc = `Start from a named set of settings, see below (${PRESET_ENV})`;
  return new Option(`--preset <${PRESET_NAMES.join("|")}>`, doc);
}

function defaultText({ fallback, otherwise }: Setting<unknown>): string {
  if (fallback === undefined) return "required";
  if (fallback === false) return "";
  return `default ${otherwise ?? String(fallback)}`;
}
