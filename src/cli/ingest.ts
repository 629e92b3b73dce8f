/**
 * `shotlab ingest`.
 *
 * @module
 */
import { ingest, resultsHeader } from "../run/ingest.ts";
import { resolveFlags } from "../settings.ts";
import { SETTINGS } from "../settings/table.ts";
import { type Flags, settingsAmong } from "./flags.ts";
import { FAILED } from "./report_error.ts";
import { summarize } from "./summary.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Makes or extends a bundle of results files and says what came of it.
 *
 * @param files The results files, one or more.
 * @param flags Settings of where the bundle is and what is allowed; the hardware is that of the plan unless they say so.
 * @param terminal Where it is shown.
 * @returns The exit status: 1 when failed shots are left.
 * @throws {UsageError} when a file, a setting or the bundle breaks a rule.
 */
export async function ingestCommand(
  files: readonly string[],
  flags: Flags,
  terminal: Pick<Terminal, "out" | "err" | "env">,
): Promise<number> {
  const { model, hardware } = (await resultsHeader(files[0]!)).plan.settings;
  const named = flags.hardware ?? (terminal.env[SETTINGS.hardware.env] || hardware);
  const settings = resolveFlags({ ...settingsAmong(flags), model, hardware: named }, terminal.env);
  const { bundle, measured, known, failed, notices } = await ingest(files, settings);
  for (const notice of notices) terminal.err(`Note: ${notice}\n`);
  if (settings.verbosity !== "silent") {
    const passed = known === 0 ? "" : `, ${known} results were known already`;
    terminal.out(
      `The bundle is in ${bundle.dir}; ${measured} shots taken in${passed}\n\n${summarize(bundle)}\n`,
    );
  }
  if (failed.length === 0) return 0;
  terminal.err(`${failed.length} shots failed and have no row\n`);
  return FAILED;
}
