/**
 * Tables that were measured in full: the truth that adaptive sweeps are judged by.
 *
 * @module
 */
import type { AttentionKernel } from "../../../src/adaptive/layout.ts";
import { openBundle } from "../../../src/bundle/open.ts";
import type { SkewRow } from "../../../src/bundle/skew.ts";
import type { Row } from "../../../src/bundle/tables.ts";
import { CONFIG_DIR } from "../../../src/config_dir.ts";
import { UsageError } from "../../../src/errors.ts";
import { interpolatedTimes } from "../../../src/fit/uniform_times.ts";
import { loadHardware } from "../../../src/roofline/hardware.ts";
import { sizesOf } from "../../../src/roofline/sizes.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { shardConfig } from "../../../src/model/shard.ts";
import { type AttentionTable, makeAttentionTable } from "../../../src/predict/attention.ts";

/** The tables of one degree. */
export interface Truth {
  /** Device, model and degree. */
  readonly name: string;
  /** The device. */
  readonly hardware: string;
  /** The model. */
  readonly model: string;
  /** Model and device. */
  readonly kernel: AttentionKernel;
  /** The rows of attention.csv. */
  readonly attention: readonly Row[];
  /** The rows of skew.csv on the scale of attention.csv, their ends as it gives them. */
  readonly skew: readonly SkewRow[];
}

/**
 * Opens bundles.
 *
 * @param dirs Their folders.
 * @returns A truth for each degree of each bundle.
 * @throws {UsageError} when one cannot be read, or does not name its model and hardware.
 */
export async function openTruths(dirs: readonly string[]): Promise<Truth[]> {
  return (await Promise.all(dirs.map(truthsOf))).flat();
}

async function truthsOf(dir: string): Promise<Truth[]> {
  const bundle = await openBundle(dir);
  const { model: id, hardware } = bundle.meta;
  if (id === undefined || hardware === undefined) {
    throw new UsageError(`Cannot use ${dir}: its meta.yaml must name model and hardware`);
  }
  const [{ config }, { multiprocessors }] = await Promise.all([
    loadModel(id),
    loadHardware(hardware, CONFIG_DIR),
  ]);
  return bundle.tps.map((tp) => {
    const { heads, kvHeads } = sizesOf(shardConfig(config, tp), 2, 2);
    const attention = bundle.table(tp, "attention");
    return {
      hardware,
      model: id,
      name: `${hardware} ${id.split("/").at(-1)} tp${tp}`,
      kernel: { heads, kvHeads, multiprocessors },
      attention,
      skew: onScaleOf(makeAttentionTable(attention)!, bundle.skew(tp)),
    };
  });
}

function onScaleOf(table: AttentionTable, rows: readonly SkewRow[]): SkewRow[] {
  const { mean, max, skew } = interpolatedTimes(rows, table);
  return rows.map((row, i) => ({ ...row, t_mean_us: mean[i]!, t_max_us: max[i]!, t_skew_us: skew[i]! }));
}
