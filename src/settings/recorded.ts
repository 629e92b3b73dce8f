/**
 * The settings that are recorded with what they gave: by the journal with each session, and by plans.
 *
 * @module
 */
import { z } from "zod";
import { OPTIONS, type Setting, SETTINGS, type Settings, type Table } from "./table.ts";

/**
 * The options that plans record.
 *
 * @internal
 */
export type PlannedOption = {
  [Option in keyof Settings]: Table[Option] extends { readonly plan: string } ? Option : never;
}[keyof Settings];

/** An option's name as plans write it: `maxNumSeqs` is `max_num_seqs`. */
type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : "";

/**
 * The settings that a plan records.
 *
 * @internal
 */
export type PlannedSettings = { readonly [Option in PlannedOption as SnakeCase<Option>]: Settings[Option] };

/** What a plan's record of its settings must look like. */
export const PLANNED_SHAPE = Object.fromEntries(
  planned().map((option) => [snakeCase(option), shapeOf(SETTINGS[option])]),
) as { readonly [Name in keyof PlannedSettings]: z.ZodType<PlannedSettings[Name]> };

/**
 * The settings that a session's line in the journal records: those that shape the measurement. Where it runs is the
 * identity's to tell.
 *
 * @param settings All settings.
 * @returns Those of the table's `journal` ones that have a value, by option name; skew settings only with skew.
 *
 * @example
 * ```ts
 * import { journalSettings } from "./recorded.ts";
 * import { resolveSettings } from "../settings.ts";
 * import assert from "node:assert/strict";
 * const { seed, skewMode } = journalSettings(resolveSettings({ model: "a/b", hardware: "H100", skipSkew: true }));
 * assert.deepEqual([seed, skewMode], [0, undefined]);
 * ```
 */
export function journalSettings(settings: Settings): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    OPTIONS
      .filter((option) => SETTINGS[option].journal === true && settings[option] !== null)
      .filter((option) => !(settings.skipSkew && SETTINGS[option].group === "Skew"))
      .filter((option) => isSaid(option, settings))
      .map((option) => [option, settings[option]]),
  );
}

/**
 * The settings that a plan records.
 *
 * @param settings All settings.
 * @returns Those of the table's `plan` ones, in snake case.
 */
export function toPlanned(settings: Settings): PlannedSettings {
  return Object.fromEntries(
    planned().filter((option) => isSaid(option, settings))
      .map((option) => [snakeCase(option), settings[option]]),
  ) as PlannedSettings;
}

/**
 * The settings that a plan was made with.
 *
 * @param recorded What it records of them.
 * @returns Them by option name.
 *
 * @example
 * ```ts
 * import { fromPlanned, toPlanned } from "./recorded.ts";
 * import { resolveSettings } from "../settings.ts";
 * import assert from "node:assert/strict";
 * const recorded = toPlanned(resolveSettings({ model: "a/b", hardware: "H100", maxNumSeqs: 64 }));
 * assert.equal(recorded.max_num_seqs, 64);
 * assert.equal(fromPlanned(recorded).maxNumSeqs, 64);
 * ```
 */
export function fromPlanned(recorded: PlannedSettings): Pick<Settings, PlannedOption> {
  const values: Readonly<Record<string, unknown>> = recorded;
  return Object.fromEntries(
    planned().map((option) => [option, values[snakeCase(option)] ?? SETTINGS[option].fallback]),
  ) as Pick<Settings, PlannedOption>;
}

function planned(): PlannedOption[] {
  return OPTIONS.filter((option) => SETTINGS[option].plan !== undefined) as PlannedOption[];
}

/** August's grid is what a record speaks of that names none; a `differing` setting that it does not name has its default. */
function isSaid(option: keyof Settings, settings: Settings): boolean {
  const { plan, fallback }: Setting<unknown> = SETTINGS[option];
  if (plan === "differing") return settings[option] !== fallback;
  return settings.grid !== "august" || plan !== "v1.2";
}

function shapeOf({ kind, fallback, plan }: Setting<unknown>): z.ZodType {
  const shape = typeof fallback === "boolean" ? z.boolean({ error: "must be true or false" }) : kind.schema;
  if (plan === "v1.2" || plan === "differing") return shape.optional();
  return plan === "optional" ? shape.default(fallback) : shape;
}

function snakeCase(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
