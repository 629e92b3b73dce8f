/**
 * The samples behind a bundle's rows, from its journal.
 *
 * @module
 */
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";
import { median } from "../stats.ts";
import type { SweepCategory } from "../shots/shot.ts";

/** One layer of one fired shot. */
export interface LayerSamples {
  /** Position of the shot in the journal, from 0: the order of firing. */
  readonly order: number;
  /** Category of the shot. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The key's values, in the order of the category's columns. */
  readonly key: readonly number[];
  /** Name of the layer, of a skew case that of the part. */
  readonly layer: string;
  /** Microseconds of each timed forward. */
  readonly samplesUs: readonly number[];
  /** Their median in microseconds. */
  readonly medianUs: number;
  /** (largest - smallest) / median. */
  readonly spread: number;
}

/**
 * Reads the samples of a bundle.
 *
 * @param dir The bundle's folder.
 * @returns The samples in the order of firing; none when the bundle has no journal, as published ones.
 */
export async function readSamples(dir: string): Promise<LayerSamples[]> {
  const found: LayerSamples[] = [];
  let order = 0;
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type !== "shot") return;
    const { category, tp, key, samples } = line;
    for (const [layer, samplesUs] of Object.entries(samples)) {
      const medianUs = median(samplesUs);
      const spread = (Math.max(...samplesUs) - Math.min(...samplesUs)) / medianUs;
      found.push({ order, category, tp, key, layer, samplesUs, medianUs, spread });
    }
    order++;
  });
  return found;
}
