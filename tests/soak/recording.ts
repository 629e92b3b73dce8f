/** What a soak measures: a recorded bundle of the size that is asked for. */
import { metaPath } from "../../src/bundle/layout.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { profile } from "../../src/run/profile.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { planSweeps } from "../../src/shots/plan_sweeps.ts";

/** The settings that a soak varies with its size. */
export type Grid =
  & Pick<SettingsInput, "model" | "hardware">
  & Required<
    Pick<
      SettingsInput,
      "tpDegrees" | "maxNumBatchedTokens" | "maxNumSeqs" | "attentionMaxKv" | "attentionKvFactor"
    >
  >;

/** Grids from small to large. */
function* grids(): Generator<Grid> {
  const base = { model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1, 2, 4, 8] };
  const grid = (seqs: number, attentionKvFactor: number): Grid => ({
    ...{ ...base, maxNumBatchedTokens: 8 * seqs, maxNumSeqs: seqs, attentionMaxKv: 64 * seqs },
    attentionKvFactor,
  });
  for (let seqs = 4; seqs < 256; seqs *= 2) yield grid(seqs, 2);
  for (let tenths = 20; tenths > 11; tenths--) yield grid(256, tenths / 10);
}

/**
 * Finds a grid that is large enough.
 *
 * @param shots How many shots it has at least.
 * @returns The smallest such grid, and its shots.
 */
export async function gridOf(shots: number): Promise<{ grid: Grid; planned: number }> {
  const { architecture } = await loadModel("Qwen/Qwen3-0.6B");
  for (const grid of grids()) {
    const limits = {
      max_num_batched_tokens: grid.maxNumBatchedTokens,
      max_num_seqs: grid.maxNumSeqs,
      num_cache_tokens: 2 ** 30,
      max_model_len: 40_960,
      num_experts: null,
      top_k: null,
      block_size: 16,
    };
    const settings = resolveSettings(grid, {});
    const planned = grid.tpDegrees.flatMap((tp) => planSweeps({ ...settings, architecture, limits, tp }))
      .reduce((sum, sweep) => sum + sweep.shots.length, 0);
    if (planned >= shots) return { grid, planned };
  }
  throw new Error(`There is no grid of ${shots} shots`);
}

/**
 * Records a bundle with the roofline, and lets it say that a device was measured, which has sentinels.
 *
 * @param grid What to record.
 * @param perfDir Folder of its bundle.
 * @returns The bundle's folder.
 */
export async function record(grid: Grid, perfDir: string): Promise<string> {
  const { dir } = await profile({ ...grid, harness: "roofline:H100", perfDir });
  const meta = await Deno.readTextFile(metaPath(dir));
  await Deno.writeTextFile(metaPath(dir), meta.replace("quantity: estimate", "quantity: kernel"));
  return dir;
}
