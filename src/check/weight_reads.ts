/**
 * Rows that are faster than their weights can be read from memory: the layer was measured alone, and what it reads
 * was still in the cache. In a model of full depth all other layers pass through the cache in between.
 *
 * @module
 */
import { CONFIG_DIR } from "../config_dir.ts";
import { UsageError } from "../errors.ts";
import { CATEGORIES, type DenseShot, type MoeShot, type PerSequenceShot } from "../shots/shot.ts";
import type { Issue } from "../bundle/issue.ts";
import { tablePath } from "../bundle/layout.ts";
import type { Meta } from "../bundle/meta.ts";
import { plural } from "../count_text.ts";
import { loadModel } from "../model/load_model.ts";
import { shardConfig } from "../model/shard.ts";
import { resolveDtype, weightsDtype } from "../model/variant.ts";
import { type HardwareSheet, loadHardware } from "../roofline/hardware.ts";
import { KNOWN_LAYERS, layerWork } from "../roofline/layer_work.ts";
import { type Sizes, sizesOf, typeBytes } from "../roofline/sizes.ts";
import type { PhysicsSource } from "./physics.ts";

/** A row may be so much faster than the sheet's bandwidth allows: sheets of processors say what was reached. */
const MARGIN = 0.9;

/** Categories whose layers have weights. */
const WEIGHED = ["dense", "per_sequence", "moe"] as const;

/** What the check needs beside the rows. */
export interface ReadFrom {
  /** The device. */
  readonly sheet: Pick<HardwareSheet, "bandwidth_gb_s" | "l2_mib">;
  /** The model's sizes on a rank of a degree. */
  readonly sizes: (tp: number) => Sizes;
}

/**
 * Finds what a bundle's rows are held against.
 *
 * @param meta The bundle's meta.yaml.
 * @param configDir Folder of `model/` and `hardware/`. @default {"the project's own"}
 * @returns The device and the sizes; null when the sheet of the hardware or the model's configuration is not there, or
 * the weights have a type whose size is not known.
 */
export async function readFrom(meta: Meta, configDir: string = CONFIG_DIR): Promise<ReadFrom | null> {
  try {
    const sheet = await loadHardware(meta.hardware ?? "", configDir);
    const { config } = await loadModel(meta.model ?? "", { configDir, download: false });
    const [bytes, headBytes] = [
      weightsDtype(config, meta.dtype ?? null),
      resolveDtype(config, meta.dtype ?? null),
    ]
      .map(typeBytes) as [number | null, number | null];
    if (bytes === null || headBytes === null) return null;
    return { sheet, sizes: (tp) => sizesOf(shardConfig(config, tp), bytes, bytes, headBytes) };
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/**
 * Looks for rows that are faster than their weights can be read.
 *
 * @param source The bundle.
 * @param from The device and the model's sizes.
 * @returns A warning for each layer and degree, with the number of rows and the worst of them.
 */
export function checkWeightReads({ dir, tps, table }: PhysicsSource, { sheet, sizes }: ReadFrom): Issue[] {
  // Weights are read once, however large the device and its cache are: attention alone asks for these.
  const device = { multiprocessors: 1, cacheBytes: 0 };
  return tps.flatMap((tp) => {
    const rank = sizes(tp);
    return WEIGHED.flatMap((category) => {
      const rows = table(tp, category).filter(({ layer }) =>
        category === "moe" || KNOWN_LAYERS.includes(layer ?? "")
      );
      return [...Map.groupBy(rows, ({ layer }) => layer)].flatMap(([layer, own]): Issue[] => {
        const fast = own.flatMap(({ key, timeUs }) => {
          const { memoryBytes } = layerWork(layer ?? category, shotOf(category, tp, key), rank, device);
          const leastUs = memoryBytes / sheet.bandwidth_gb_s / 1e3;
          return timeUs < leastUs * MARGIN ? [{ key, timeUs, memoryBytes, leastUs }] : [];
        });
        if (fast.length === 0) return [];
        const worst = fast.reduce((a, b) => b.timeUs / b.leastUs < a.timeUs / a.leastUs ? b : a);
        const place = CATEGORIES[category].columns.map((column, i) => `${column} ${worst.key[i]}`).join(", ");
        return [{
          code: "weights-cached",
          severity: "warning",
          path: tablePath(dir, tp, category),
          column: "time_us",
          message:
            `${
              layer ?? category
            }: The time is too short to read the weights from memory, as if they had been ` +
            `in the cache of ${sheet.l2_mib} MiB, in ${plural(fast.length, "row")}`,
          found: `${worst.timeUs} us at ${place}`,
          expected:
            `at least ${worst.leastUs.toFixed(1)} us for ${(worst.memoryBytes / 1e6).toFixed(1)} MB at ` +
            `${sheet.bandwidth_gb_s} GB/s`,
        }];
      });
    });
  });
}

function shotOf(
  category: typeof WEIGHED[number],
  tp: number,
  key: readonly number[],
): DenseShot | PerSequenceShot | MoeShot {
  const [first = 0, second = 0] = key;
  switch (category) {
    case "dense":
      return { category, tp, tokens: first };
    case "per_sequence":
      return { category, tp, sequences: first };
    case "moe":
      return { category, tp, tokens: first, activated_experts: second };
  }
}
