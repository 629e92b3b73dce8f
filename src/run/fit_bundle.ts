/**
 * The alpha fit of a bundle on disk.
 *
 * @module
 */
import { metaPath, tablePath } from "../bundle/layout.ts";
import { formatMeta } from "../bundle/meta.ts";
import { openBundle } from "../bundle/open.ts";
import { formatSkewFit } from "../bundle/skew_fit.ts";
import { writeAtomic } from "../files/write.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { type Fit, type FitMethod, fitSkew } from "../fit/fit_skew.ts";
import { UsageError } from "../errors.ts";
import { readIfThere } from "../files/read_if_there.ts";

/** Options of {@linkcode fitBundle}. */
export interface FitBundleOptions {
  /** How alphas are fitted. @default {"shrinkage"} */
  readonly method?: FitMethod;
  /** Cases of which a model predicts t_skew, by degree: `shrinkage` fits them beside those of skew.csv. */
  readonly predictedByTp?: ReadonlyMap<number, readonly SkewRow[]>;
  /** Writes a whole file. @default {writeAtomic} */
  readonly write?: (path: string, text: string) => Promise<void>;
}

/**
 * Fits the alphas of a bundle and writes what has changed: `skew_fit.csv` of each degree, then the block of
 * meta.yaml. Nobody else may be writing the bundle meanwhile.
 *
 * @param dir The bundle's folder.
 * @param options How, and by which means.
 * @returns The fit; without a usable case its block is not enabled.
 * @throws {UsageError} when the bundle cannot be opened or has no skew cases, the disk refuses, or `shrinkage` lacks
 * attention rows.
 */
export async function fitBundle(dir: string, options: FitBundleOptions = {}): Promise<Fit> {
  const { method = "shrinkage", predictedByTp, write = writeAtomic } = options;
  const bundle = await openBundle(dir);
  const rowsByTp = new Map(bundle.tps.map((tp) => [tp, bundle.skew(tp)]));
  if ([...rowsByTp.values()].every((rows) => rows.length === 0)) {
    throw new UsageError(
      `Cannot fit ${dir}: it has no skew cases (tp<N>/skew.csv); run the skew sweep first`,
    );
  }
  const fit = fitSkew({
    method,
    rowsByTp,
    ...predictedByTp && { predictedByTp },
    attentionByTp: new Map(bundle.tps.map((tp) => [tp, bundle.table(tp, "attention")])),
  });
  for (const tp of bundle.tps) {
    const table = fit.tables.get(tp);
    const path = tablePath(dir, tp, "skew_fit");
    if (table !== undefined) await writeIfNew(path, formatSkewFit(table), write);
    else if (await readIfThere(path) !== null) await Deno.remove(path);
  }
  await writeIfNew(metaPath(dir), formatMeta({ ...bundle.meta, skew_fit: fit.block }), write);
  return fit;
}

async function writeIfNew(
  path: string,
  text: string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const there = await readIfThere(path);
  if (there === null || new TextDecoder().decode(there) !== text) await write(path, text);
}
