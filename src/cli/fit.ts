/**
 * `shotlab fit`.
 *
 * @module
 */
import { dirname } from "node:path";
import { refuseLinks } from "../files/links.ts";
import { openBundle } from "../bundle/open.ts";
import { UsageError } from "../errors.ts";
import type { FitMethod } from "../fit/fit_skew.ts";
import { formatReports } from "../fit/report.ts";
import { fitBundle } from "../run/fit_bundle.ts";
import { lockBundle } from "../files/lock.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Fits the alphas of a bundle anew and prints their errors.
 *
 * @param dir The bundle's folder.
 * @param options `method`: how they are fitted.
 * @param terminal Where it is printed.
 * @returns The exit status, 0.
 * @throws {UsageError} when there is no such bundle, a part of it is a link, somebody is writing it, or it lacks
 * what the method needs.
 */
export async function fitCommand(
  dir: string,
  { method }: { readonly method: FitMethod },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  if (!await Deno.stat(dir).then(({ isDirectory }) => isDirectory, () => false)) {
    throw new UsageError(`Cannot fit ${dir}: there is no such folder`);
  }
  await refuseLinks(dirname(dir), dir);
  using _lock = await lockBundle(dir);
  const { block, report } = await fitBundle(dir, { method });
  if (!block.enabled) {
    terminal.out(`${dir}: there is no case with an alpha to fit; skew_fit is off\n`);
    return 0;
  }
  const lines = [...report].map(([tp, errors]) => [`tp ${tp}`, errors] as const);
  terminal.out(`Relative errors in %, median / 90% / 99%:\n\n${formatReports(lines)}\n`);
  const { meta } = await openBundle(dir);
  if (Object.values(meta.adaptive?.per_tp ?? {}).some(({ skew }) => skew !== undefined)) {
    terminal.out(
      "\nThe adaptive run had predicted cases for its fit too, this one has the measured cases alone; the same run " +
        "again brings its fit back\n",
    );
  }
  return 0;
}
