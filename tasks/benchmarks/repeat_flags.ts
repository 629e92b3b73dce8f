/**
 * The command line that measures a bundle again.
 *
 * @module
 */
import type { Bundle } from "../../src/bundle/open.ts";
import { flagOf, OPTIONS, SETTINGS } from "../../src/settings/table.ts";

/** The groups of settings that shape what is measured. */
const SHAPING = ["Sweep", "Skew", "Measurement"];

/**
 * The flags of `shotlab profile` for a bundle.
 *
 * @param bundle The bundle.
 * @param settings Settings as its journal has them, in camel or snake case.
 * @returns The flags: model, hardware, degrees, and whatever shapes the shots and is not the default.
 *
 * @example
 * ```ts
 * import { profileFlags } from "./repeat_flags.ts";
 * import assert from "node:assert/strict";
 * const bundle = { meta: { model: "Qwen/Qwen3-0.6B", hardware: "H100" }, tps: [1] };
 * assert.equal(
 *   profileFlags(bundle, { max_num_seqs: 128, seed: 0 }).join(" "),
 *   "--model Qwen/Qwen3-0.6B --hardware H100 --tp-degrees 1 --max-num-seqs 128",
 * );
 * ```
 */
export function profileFlags(
  { meta, tps }: Pick<Bundle, "meta" | "tps">,
  settings: Readonly<Record<string, unknown>>,
): string[] {
  const named = ["--model", meta.model!, "--hardware", meta.hardware!, "--tp-degrees", tps.join(",")];
  const shaping = OPTIONS.filter((option) => SHAPING.includes(SETTINGS[option].group)).flatMap((option) => {
    const value = settings[option] ?? settings[flagOf(option).slice(2).replaceAll("-", "_")] ?? null;
    if (value === null || value === SETTINGS[option].fallback || value === false) return [];
    return value === true ? [flagOf(option)] : [flagOf(option), textOf(value)];
  });
  return [...named, ...shaping];
}

function textOf(value: unknown): string {
  return typeof value === "object" ? String((value as { relative: number }).relative) : String(value);
}
