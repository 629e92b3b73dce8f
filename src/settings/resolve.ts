/**
 * Brings settings from options or flags, the environment, a preset and the defaults together.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { hideSecrets } from "../hide_secrets.ts";
import { printable } from "../printable.ts";
import { either } from "./kind.ts";
import { nearest } from "./nearest.ts";
import { type Preset, PRESET_NAMES, PRESETS } from "./preset.ts";
import { flagOf, OPTIONS, type Setting, SETTINGS, type Settings } from "./table.ts";
import { WHOLE_CONTEXT } from "./whole_context.ts";

/** The environment variable that names a preset. */
export const PRESET_ENV = "SHOTLAB_PRESET";

/** What a grid of v1.2 has by default: steps of √2, and histories as long as any model takes. */
const NEWER_GRID: Partial<Settings> = {
  attentionMaxKv: WHOLE_CONTEXT,
  attentionChunkFactor: Math.SQRT2,
  attentionKvFactor: Math.SQRT2,
  attentionNFactor: Math.SQRT2,
};

/** Why rows that only v1.2 tells apart are not measured into a bundle for August. */
const AUGUST_KNOWS = {
  decodeQLens: "August knows one new token a decode, and takes rows of several for rows of one",
  epDegrees: "August knows experts on one device, and takes rows of several for rows of one",
};

/** A way to say settings: its values, how it writes them, and whether they are text still. */
export interface Source {
  /** The values by option name; what is undefined is not said. */
  readonly values: Readonly<Record<string, unknown>>;
  /** How a message writes a value of this source. */
  readonly show: (option: string, value: unknown) => string;
  /** How a message asks for a required setting. */
  readonly ask: (option: string, placeholder: string) => string;
  /** Whether texts are to be read by the setting's kind. */
  readonly text: boolean;
}

/** A value that somebody gave, and how a message writes it. */
interface Given {
  readonly value: unknown;
  readonly shown: string;
}

/**
 * Resolves every setting: the source's values before the environment, that before the preset, that before the
 * default.
 *
 * @param source Options or flags.
 * @param env Environment variables; one that is empty is not set.
 * @returns The settings, frozen.
 * @throws {UsageError} when a value breaks its rule, two contradict each other or a required one is missing.
 */
export function resolve(source: Source, env: Readonly<Record<string, string>>): Settings {
  for (const option of Object.keys(source.values)) refuseUnknown(option);
  const preset = presetOf(source, env);
  const given = (option: keyof Settings): Given | undefined => {
    const setting: Setting<unknown> = SETTINGS[option];
    const said = fromSource(option, setting, source) ?? fromEnvironment(setting, env);
    const value = preset === null ? undefined : PRESETS[preset][option];
    return said ?? (value === undefined ? undefined : { value, shown: `${option} (preset ${preset})` });
  };
  const newer = ["v1.2", "both"].includes(String(given("grid")?.value));
  const settings = Object.fromEntries(OPTIONS.map((option) => {
    const setting: Setting<unknown> = SETTINGS[option];
    const value = given(option);
    if (value !== undefined) return [option, check(setting, value)];
    const fallback = newer && Object.hasOwn(NEWER_GRID, option) ? NEWER_GRID[option] : setting.fallback;
    if (fallback !== undefined) return [option, fallback];
    throw new UsageError(
      `No ${option} given: ${source.ask(option, setting.kind.placeholder)} or set ${setting.env}`,
    );
  })) as unknown as Settings;
  const refuse = (options: readonly (keyof Settings)[], why: string): never => {
    throw new UsageError(
      `Cannot use ${options.map((option) => given(option)!.shown).join(" with ")}: ${why}`,
    );
  };
  if (settings.skipSkew && settings.onlySkew) {
    refuse(["skipSkew", "onlySkew"], "one leaves out what the other asks for; turn one off");
  }
  if (settings.parity && (settings.adaptive ?? settings.budget) !== null) {
    refuse(
      [settings.adaptive === null ? "budget" : "adaptive", "parity"],
      "the reference profiler fires every shot; leave one of the two out",
    );
  }
  if (settings.parity && settings.denseStep !== SETTINGS.denseStep.fallback) {
    refuse(
      ["denseStep", "parity"],
      "the reference profiler has steps of 16 tokens; leave one of the two out",
    );
  }
  for (const option of ["decodeQLens", "epDegrees"] as const) {
    if (settings.grid === "v1.2" || settings[option].length === 1) continue;
    refuse([option], `${AUGUST_KNOWS[option]}; add --grid v1.2`);
  }
  const measured = { ...settings, ...settings.parity && { skewMode: exactly(given("skewMode")) } };
  for (const value of Object.values(measured)) Object.freeze(value);
  return Object.freeze(measured);
}

/** The reference profiler measures the times between which alpha lies. */
function exactly(mode: Given | undefined): "exact" {
  if (mode === undefined || mode.value === "exact") return "exact";
  throw new UsageError(
    `Cannot use ${mode.shown} with parity: the reference profiler measures these times; leave one of the two out`,
  );
}

function fromSource(option: string, setting: Setting<unknown>, source: Source): Given | undefined {
  const value = source.values[option];
  if (value === undefined) return undefined;
  const read = source.text && typeof value === "string" ? setting.kind.read(value) : value;
  return { value: read, shown: source.show(option, value) };
}

function fromEnvironment(
  setting: Setting<unknown>,
  env: Readonly<Record<string, string>>,
): Given | undefined {
  const text = env[setting.env];
  if (text === undefined || text === "") return undefined;
  return { value: setting.kind.read(text), shown: `${setting.env}=${text}` };
}

function check<T>(setting: Setting<T>, { value, shown }: Given): T {
  const result = setting.kind.schema.safeParse(value);
  if (result.success) return result.data;
  throw new UsageError(`Cannot use ${shownSafely(shown)}: ${result.error.issues[0]!.message}`);
}

function presetOf(source: Source, env: Readonly<Record<string, string>>): Preset | null {
  const said = source.values["preset"];
  const value = said ?? (env[PRESET_ENV] || undefined);
  if (value === undefined) return null;
  if (PRESET_NAMES.includes(value as Preset)) return value as Preset;
  const shown = said === undefined ? `${PRESET_ENV}=${value}` : source.show("preset", value);
  throw new UsageError(`Cannot use ${shownSafely(shown)}: expected ${either(PRESET_NAMES)}`);
}

function refuseUnknown(option: string): void {
  const known = [...OPTIONS, "preset"];
  if (known.includes(option)) return;
  const meant = nearest(option, known);
  const hint = meant === null ? `expected one of ${known.join(", ")}` : `did you mean ${meant}`;
  throw new UsageError(`There is no option ${shownSafely(option)}: ${hint}`);
}

/** Control characters would hide what is wrong; secrets are hidden. */
function shownSafely(text: string): string {
  return printable(hideSecrets(text));
}

/**
 * The values as a program gives them.
 *
 * @param values The values by option name.
 * @returns A source whose messages name options.
 */
export function fromOptions(values: Readonly<Record<string, unknown>>): Source {
  return {
    values,
    show: (option, value) => `${option}: ${Deno.inspect(value, { breakLength: Infinity, compact: true })}`,
    ask: (option, placeholder) => `pass the option ${option} (${placeholder})`,
    text: false,
  };
}

/**
 * The values as the command line gives them.
 *
 * @param values Texts and switches by option name.
 * @returns A source whose messages name flags.
 */
export function fromFlags(values: Readonly<Record<string, unknown>>): Source {
  return {
    values,
    show: (option, value) => {
      if (option === "verbosity") return `--${value}`;
      const flag = flagOf(option);
      return value === true ? flag : value === false ? flag.replace("--", "--no-") : `${flag} ${value}`;
    },
    ask: (option, placeholder) => `pass ${flagOf(option)} ${placeholder}`,
    text: true,
  };
}
