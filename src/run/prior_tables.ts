/**
 * What other bundles say about attention and skew.
 *
 * @module
 */
import type { AttentionKernel } from "../adaptive/layout.ts";
import type { PriorTable } from "../adaptive/prior.ts";
import { type Bundle, openBundle } from "../bundle/open.ts";
import { UsageError } from "../errors.ts";
import { loadConfig, type LoadModelOptions } from "../model/load_model.ts";
import { shardConfig } from "../model/shard.ts";
import { multiprocessorsOf } from "../roofline/hardware.ts";
import { sizesOf } from "../roofline/sizes.ts";

/** Bundles to lean on. */
export interface Prior {
  /** What they are called, as `<hardware>/<org>/<name>/<variant>`. */
  readonly names: readonly string[];
  /**
   * Their tables, degree by degree, those of the last bundle at last.
   *
   * @param multiprocessors Those of a device that nobody has described.
   */
  tables(multiprocessors: number): PriorTable[];
}

/**
 * Opens bundles to lean on.
 *
 * @param dirs Their folders.
 * @param options Where models and devices are described.
 * @returns The bundles; null without any.
 * @throws {UsageError} when one cannot be opened, or its model is not known.
 */
export async function openPrior(
  dirs: readonly string[],
  options: LoadModelOptions & { readonly configDir: string },
): Promise<Prior | null> {
  if (dirs.length === 0) return null;
  const bundles = await Promise.all(dirs.map((dir) => openBundle(dir)));
  const all = (await Promise.all(bundles.map((bundle) => tablesOf(bundle, options)))).flat();
  return {
    names: bundles.map(({ meta: { hardware, model, variant } }) =>
      [hardware, model, variant].filter((part) => part !== undefined).join("/")
    ),
    tables: (multiprocessors) =>
      all.map(({ kernel, ...rows }) => ({ ...rows, kernel: { multiprocessors, ...kernel } })),
  };
}

type Table = Omit<PriorTable, "kernel"> & {
  readonly kernel: Omit<AttentionKernel, "multiprocessors"> & Partial<AttentionKernel>;
};

async function tablesOf(
  bundle: Bundle,
  options: LoadModelOptions & { readonly configDir: string },
): Promise<Table[]> {
  const { dir, meta: { model, gpu }, tps } = bundle;
  if (model === undefined) {
    throw new UsageError(
      `Cannot lean on ${dir}: its meta.yaml names no model, so that its heads are not known`,
    );
  }
  const { revision: _, ...where } = options;
  const { config } = await loadConfig(model, where);
  const multiprocessors = typeof gpu === "string" ? await multiprocessorsOf(gpu, options.configDir) : null;
  return tps.map((tp) => {
    const { heads, kvHeads } = sizesOf(shardConfig(config, tp), 2, 2);
    return {
      rows: bundle.table(tp, "attention"),
      skew: bundle.skew(tp),
      kernel: { heads, kvHeads, ...multiprocessors !== null && { multiprocessors } },
    };
  });
}
