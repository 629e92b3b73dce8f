/**
 * A run in the order of its shots, from its bundle's journal: their samples, the device's clock, and the sentinels.
 *
 * @module
 */
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";
import { newJudge } from "../journal/judge.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { median, relativeSpread } from "../stats.ts";
import type { Subject } from "./figure.ts";

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
  /** Their standard deviation as a share of the median; null for fewer than two. */
  readonly spread: number | null;
}

/** The device's clock at a shot. */
export interface ClockReading {
  /** Position of the next shot in the journal, from 0. */
  readonly order: number;
  /** Clock of the multiprocessors in MHz. */
  readonly mhz: number;
  /** Which lane of a pool it is of; left out where there is no pool. */
  readonly lane?: string;
}

/** A sentinel: one shot that is repeated now and then. */
export interface Drift {
  /** Position of the next shot in the journal, from 0. */
  readonly order: number;
  /** By which share its time differs from that of the one it is held against. */
  readonly drift: number;
}

/** A run in the order of its shots. */
export interface Timeline {
  /** The samples of every layer of every shot. */
  readonly samples: readonly LayerSamples[];
  /** The clocks that a harness reported between its shots; none where the device does not tell. */
  readonly clocks: readonly ClockReading[];
  /** The sentinels. */
  readonly drifts: readonly Drift[];
}

/**
 * Reads the journal of a bundle once.
 *
 * @param dir The bundle's folder.
 * @returns What happened, in its order; nothing where there is no journal.
 * @throws {UsageError} when the journal cannot be read, or is of a newer format.
 *
 * @example
 * ```ts
 * import { readTimeline } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const { samples } = await readTimeline("perf/H100/microsoft/Phi-mini-MoE-instruct/bf16");
 * assert.ok(samples.length > 0);
 * ```
 */
export async function readTimeline(dir: string): Promise<Timeline> {
  const samples: LayerSamples[] = [];
  const clocks: ClockReading[] = [];
  const drifts: Drift[] = [];
  const judge = newJudge();
  let order = 0;
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    switch (line.type) {
      case "shot":
        for (const [layer, samplesUs] of Object.entries(line.samples)) {
          const { category, tp, key } = line;
          const medianUs = median(samplesUs);
          samples.push({
            ...{ order, category, tp, key, layer, samplesUs, medianUs },
            spread: relativeSpread(samplesUs),
          });
        }
        order++;
        break;
      case "state": {
        const { sm_clock_mhz: mhz, lane } = line;
        if (mhz !== null) clocks.push({ order, mhz, ...lane !== undefined && { lane } });
        break;
      }
      case "session":
      case "sentinel":
        judge.take(line);
        if (line.type === "sentinel") drifts.push({ order, drift: judge.verdict!.drift });
    }
  });
  return { samples, clocks, drifts };
}

/**
 * How far the samples of a shot differ, by layer and key; of a shot that was measured again, those of the last time.
 *
 * @param samples The samples, in the order of firing.
 * @param subject Whose degree counts.
 * @param category The category.
 * @returns The standard deviation of a row's samples as a share of their median; null where they are not among those
 * given, and of an estimate, whose repetition says nothing of its error.
 */
export function spreadsOf(
  samples: readonly LayerSamples[],
  { tp, quantity }: Pick<Subject, "tp" | "quantity">,
  category: SweepCategory,
): (layer: string, key: readonly number[]) => number | null {
  const spreads = new Map(
    samples.filter((one) => quantity !== "estimate" && one.tp === tp && one.category === category)
      .map(({ layer, key, spread }) => [`${layer} ${key.join()}`, spread]),
  );
  return (layer, key) => spreads.get(`${layer} ${key.join()}`) ?? null;
}

/**
 * Reads the samples of a bundle.
 *
 * @param dir The bundle's folder.
 * @returns The samples in the order of firing; none when the bundle has no journal.
 * @throws {UsageError} when the journal cannot be read, or is of a newer format.
 *
 * @example
 * ```ts
 * import { readSamples } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const readings = await readSamples("perf/H100/microsoft/Phi-mini-MoE-instruct/bf16");
 * assert.ok(readings.every(({ medianUs }) => medianUs >= 0));
 * ```
 */
export async function readSamples(dir: string): Promise<readonly LayerSamples[]> {
  return (await readTimeline(dir)).samples;
}

/**
 * Reads the clocks that a harness reported between its shots.
 *
 * @param dir The bundle's folder.
 * @returns The readings in their order; none where there is no journal, or the device tells no clock.
 * @throws {UsageError} when the journal cannot be read, or is of a newer format.
 *
 * @example
 * ```ts
 * import { readClocks } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const readings = await readClocks("perf/H100/microsoft/Phi-mini-MoE-instruct/bf16");
 * assert.ok(readings.every(({ mhz }) => mhz > 0));
 * ```
 */
export async function readClocks(dir: string): Promise<readonly ClockReading[]> {
  return (await readTimeline(dir)).clocks;
}

/**
 * Reads the sentinels of a bundle.
 *
 * @param dir The bundle's folder.
 * @returns The drifts in their order; none where there is no journal, or no sentinel was fired.
 * @throws {UsageError} when the journal cannot be read, or is of a newer format.
 *
 * @example
 * ```ts
 * import { readDrifts } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const readings = await readDrifts("perf/H100/microsoft/Phi-mini-MoE-instruct/bf16");
 * assert.ok(readings.every(({ drift }) => Math.abs(drift) < 0.2));
 * ```
 */
export async function readDrifts(dir: string): Promise<readonly Drift[]> {
  return (await readTimeline(dir)).drifts;
}
