/**
 * `shotlab profile`.
 *
 * @module
 */
import { profile } from "../run/profile.ts";
import type { Settings } from "../settings.ts";
import { runAndReport } from "./run_and_report.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Profiles a model and says what came of it.
 *
 * @param settings The settings.
 * @param terminal Where it is shown.
 * @returns The exit status: 1 when failed shots are left.
 * @throws {UsageError} and what else {@linkcode profile} throws.
 */
export function profileCommand(settings: Settings, terminal: Terminal): Promise<number> {
  return runAndReport((options) => profile(settings, options), settings.verbosity, terminal);
}
