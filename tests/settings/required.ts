import type { Settings } from "../../src/settings.ts";

/** Values of the settings that have no default. */
export const REQUIRED = { model: "Qwen/Qwen3-0.6B", hardware: "H100" };

/** These values but one. */
export function without(option: keyof Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(REQUIRED).filter(([name]) => name !== option));
}
