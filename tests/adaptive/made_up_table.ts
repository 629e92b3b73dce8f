/**
 * An attention grid and its estimated times.
 *
 * @module
 */
import type { AttentionKernel } from "../../src/adaptive/layout.ts";
import { CONFIG_DIR } from "../../src/config_dir.ts";
import { loadHardware } from "../../src/roofline/hardware.ts";
import { sizesOf } from "../../src/roofline/sizes.ts";
import { rooflineHarness } from "../../src/harness/estimate/roofline.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import { attentionAxes, attentionShots } from "../../src/shots/attention_shots.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

/** A grid of which every time is known. */
export interface MadeUpTable {
  /** The shots. */
  readonly shots: readonly AttentionShot[];
  /** Model and device. */
  readonly kernel: AttentionKernel;
  /** The time of a shot in microseconds. */
  readonly timeUs: (shot: AttentionShot) => number;
}

/**
 * Estimates the grid of a small model on a device, with a kernel switch that no formula knows of.
 *
 * @param hardware The device.
 * @returns The table.
 */
export async function makeUpTable(hardware: string): Promise<MadeUpTable> {
  const { config, architecture } = await loadModel("Qwen/Qwen3-0.6B");
  const sharded = shardConfig(config, 1);
  await using harness = await rooflineHarness(hardware);
  const { limits } = await harness.boot({
    config: sharded,
    architecture,
    tp: 1,
    dtype: "auto",
    kv_cache_dtype: "auto",
    block_size: null,
    max_num_batched_tokens: 256,
    max_num_seqs: 32,
  });
  const axes = attentionAxes({
    maxNumBatchedTokens: 256,
    maxNumSeqs: 32,
    attentionMaxKv: 2048,
    attentionChunkFactor: 2,
    attentionKvFactor: 2,
  });
  const shots = attentionShots(1, axes, limits, 33);
  const times = new Map<AttentionShot, number>();
  for await (const outcome of harness.fire({ shots, iterations: 1, quantity: "estimate" })) {
    if (outcome.status !== "measured") throw new Error(outcome.message);
    const shot = shots[outcome.index]!;
    times.set(shot, outcome.samples.attention![0]! * (shot.n_decode >= 8 ? 1.3 : 1));
  }
  const { heads, kvHeads } = sizesOf(sharded, 2, 2);
  const { multiprocessors } = await loadHardware(hardware, CONFIG_DIR);
  return { shots, kernel: { heads, kvHeads, multiprocessors }, timeUs: (shot) => times.get(shot)! };
}
