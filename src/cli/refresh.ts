/**
 * `shotlab refresh`.
 *
 * @module
 */
import { refresh } from "../run/refresh.ts";
import type { Settings } from "../settings.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { runAndReport } from "./run_and_report.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Measures one category of one tensor-parallel degree again and says what came of it.
 *
 * @param settings The settings.
 * @param what Which.
 * @param terminal Where it is shown.
 * @returns The exit status: 1 when failed shots are left.
 * @throws {UsageError} and what else {@linkcode refresh} throws.
 */
export function refreshCommand(
  settings: Settings,
  what: { readonly tp: number; readonly category: SweepCategory },
  terminal: Terminal,
): Promise<number> {
  return runAndReport((options) => refresh(settings, what, options), settings.verbosity, terminal);
}
