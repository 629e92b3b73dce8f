/**
 * The alpha fit of a bundle on disk.
 *
 * @module
 */
import { metaPath, tablePath } from "../bundle/layout.ts";
import { formatMeta } from "../bundle/meta.ts";
import type { SkewFit } from "../bundle/meta_blocks.ts";
import { openBundle, type WholeBundle } from "../bundle/open.ts";
import type { Simulator } from "../bundle/simulator.ts";
import { formatSkewFit } from "../bundle/skew_fit.ts";
import { writeAtomic } from "../files/write.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { type Fit, type FitMethod, fitSkew } from "../fit/fit_skew.ts";
import { UsageError } from "../errors.ts";
import { readIfThere } from "../files/read.ts";
import type { Model } from "../model/model.ts";
import { calibrateBundle } from "./calibrate_bundle.ts";

/** Which simulator corrects by a fit. */
export type FitReader = Simulator | "none";

/** Why a fit is off that was made. */
const KEPT = "v1.2 refuses a fit in the form of August; shotlab fit --simulator august or v1.2 turns one on";

/** Options of {@linkcode fitBundle}. */
export interface FitBundleOptions {
  /** How August's alphas are fitted. @default {"shrinkage"} */
  readonly method?: FitMethod;
  /**
   * Which simulator corrects by the fit: `august`; `v1.2`, in a form that August reads too; or `none`: both load the
   * bundle, neither corrects, and the fit is kept.
   *
   * @default {as the bundle's fit is, none for a first one}
   */
  readonly simulator?: FitReader | undefined;
  /** The bundle's model; without it no fit can be made that v1.2 corrects by. */
  readonly model?: Model;
  /** Cases of which a model predicts t_skew, by degree: `shrinkage` fits them beside those of skew.csv. */
  readonly predictedByTp?: ReadonlyMap<number, readonly SkewRow[]>;
  /** Writes a whole file. @default {writeAtomic} */
  readonly write?: (path: string, text: string) => Promise<void>;
  /** Leaves the bundle as it is when it is aborted before the fit. */
  readonly signal?: AbortSignal;
}

/**
 * Fits the alphas of a bundle and writes what has changed: `skew_fit.csv` of each degree, then the block of
 * meta.yaml. Nobody else may be writing the bundle meanwhile.
 *
 * @param dir The bundle's folder.
 * @param options How, and by which means.
 * @returns The fit; without a usable case its block is not enabled, and its report has no degree.
 * @throws {UsageError} when the bundle cannot be opened or has no skew cases, the disk refuses, `shrinkage` lacks
 * attention rows, or v1.2 is to correct and the model is missing or a case is one that it refuses.
 *
 * @example
 * ```ts
 * import { fitBundle, profile } from "shotlab";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const { dir } = await profile({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   tpDegrees: [1],
 *   maxNumBatchedTokens: 64,
 *   maxNumSeqs: 8,
 *   attentionMaxKv: 512,
 *   perfDir,
 * });
 * assert.deepEqual([...(await fitBundle(dir)).report.keys()], [1]);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function fitBundle(dir: string, options: FitBundleOptions = {}): Promise<Fit> {
  const { method = "shrinkage", predictedByTp, write = writeAtomic, model, signal } = options;
  const bundle = await openBundle(dir);
  const { simulator = readerOf(bundle.meta.skew_fit) } = options;
  const rowsByTp = new Map(bundle.tps.map((tp) => [tp, bundle.skew(tp)]));
  const listed = simulator === "v1.2" && bundle.tps.some((tp) => bundle.skewShapes(tp).length > 0);
  if (!listed && [...rowsByTp.values()].every((rows) => rows.length === 0)) {
    throw new UsageError(
      `Cannot fit ${dir}: it has no skew cases (tp<N>/skew.csv); run the skew sweep first`,
    );
  }
  signal?.throwIfAborted();
  const fit = fitSkew({
    method,
    rowsByTp,
    ...predictedByTp && { predictedByTp },
    attentionByTp: new Map(bundle.tps.map((tp) => [tp, bundle.table(tp, "attention")])),
  });
  const block = simulator === "v1.2"
    ? await calibrateBundle(bundle, {
      model: model ?? missingModel(dir),
      august: fit,
      write: (path, text) => writeIfNew(path, text, write),
    })
    : await writeTables(bundle, fit, simulator === "august", write);
  await writeIfNew(metaPath(dir), formatMeta({ ...bundle.meta, skew_fit: block }), write);
  return { ...fit, block };
}

/** Writes August's tables; a fit that is not to be used says why. */
async function writeTables(
  { dir, tps }: WholeBundle,
  fit: Fit,
  enabled: boolean,
  write: (path: string, text: string) => Promise<void>,
): Promise<SkewFit> {
  for (const tp of tps) {
    const table = fit.tables.get(tp);
    const path = tablePath(dir, tp, "skew_fit");
    if (table !== undefined) await writeIfNew(path, formatSkewFit(table), write);
    else if (await readIfThere(path) !== null) await Deno.remove(path);
  }
  if (enabled || fit.tables.size === 0) return fit.block;
  return { enabled: false, kept: KEPT, ...without(fit.block, "enabled") };
}

function readerOf(fit: SkewFit | undefined): FitReader {
  if (!fit?.enabled) return "none";
  return Object.values(fit.per_tp ?? {}).some((entry) => "schema" in entry) ? "v1.2" : "august";
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}

function missingModel(dir: string): never {
  throw new UsageError(
    `Cannot fit ${dir} for v1.2: its model's configuration and architecture are not known`,
  );
}

async function writeIfNew(
  path: string,
  text: string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const there = await readIfThere(path);
  if (there === null || new TextDecoder().decode(there) !== text) await write(path, text);
}
