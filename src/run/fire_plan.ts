/**
 * Firing a plan into a journal, on any harness, away from the bundle that it is for.
 *
 * @module
 */
import { hideSecrets } from "../hide_secrets.ts";
import type { Settings } from "../settings.ts";
import type { Plan } from "../shots/plan_file.ts";
import { enginesOf } from "../shots/plan_sweeps.ts";
import type { RunEvent } from "../events.ts";
import { emulationNotices } from "../processor.ts";
import { execute } from "./execute.ts";
import { isDue } from "./due.ts";
import { firingOptions, watchOf } from "./firing_options.ts";
import { lockFile } from "../files/lock.ts";
import { openLanes, type OpenLanesOptions } from "../workers/open_lanes.ts";
import { chosenQuantity } from "./quantity.ts";
import { openFired } from "../store/fired.ts";

/**
 * Fires what a journal lacks of a plan. However it ends, what was measured is in the file.
 *
 * @param plan The plan; its header says how often, what is timed and in which order.
 * @param path The journal, created or resumed.
 * @param settings What fires it, how it is watched, and whether what failed is fired again.
 * @param options How it is cancelled, and what takes the harness's place.
 * @returns The events, `finished` at last.
 * @throws {UsageError} when the file is of another plan, somebody else writes it, or the disk refuses.
 * @throws {HarnessError} when the harness cannot be opened or booted, or breaks too often.
 *
 * @example
 * ```ts
 * import { firePlan, ingest, loadModel, planSweeps, resolveSettings } from "shotlab";
 * import { planHeader } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const settings = resolveSettings({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   tpDegrees: [1],
 *   maxNumBatchedTokens: 32,
 *   maxNumSeqs: 2,
 *   attentionMaxKv: 32,
 *   skipSkew: true,
 *   perfDir,
 * });
 * const model = await loadModel(settings.model);
 * const limits = {
 *   max_num_batched_tokens: 32,
 *   max_num_seqs: 2,
 *   num_cache_tokens: 100_000,
 *   max_model_len: 4096,
 *   num_experts: null,
 *   top_k: null,
 *   block_size: 16,
 * };
 * const sweeps = planSweeps({ ...settings, architecture: model.architecture, limits, tp: 1 });
 * const results = `${perfDir}/results.jsonl`;
 * for await (
 *   const event of firePlan({ header: planHeader(settings, model, sweeps), sweeps }, results, settings)
 * ) assert.notEqual(event.type, "failed-shot");
 * const { bundle, measured } = await ingest([results], { perfDir });
 * assert.ok(measured > 0 && bundle.tps.includes(1));
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function* firePlan(
  { header, sweeps }: Plan,
  path: string,
  settings: Settings,
  options: OpenLanesOptions = {},
): AsyncGenerator<RunEvent> {
  const { signal } = options;
  const asked = header.settings;
  const begun = performance.now();
  using _lock = await lockFile(path);
  if (options.harness === undefined) yield { type: "starting", harness: hideSecrets(settings.harness) };
  await using lane = await openLanes(settings, options);
  yield { type: "connected", info: lane.info };
  const quantity = chosenQuantity(settings.quantity ?? asked.quantity, lane.info);
  const how = { ...settings, precision: asked.precision, seed: asked.seed, parity: asked.parity };
  await using results = await openFired(path, { plan: header, quantity });
  const emulated = emulationNotices(lane.info.processor, asked.dtype);
  for (const message of [...results.notices, ...emulated]) yield { type: "notice", message };
  const left = sweeps.filter(({ shots }) =>
    shots.some((shot) => isDue(shot, { ...settings, session: results }))
  );
  if (left.length > 0) results.start(lane.info, watchOf(settings, quantity), settings.acceptSpeed);
  let measured = 0;
  const planned = enginesOf(sweeps);
  for (const { tp, ep } of enginesOf(left)) {
    yield { type: "booting", tp, ...ep > 1 && { ep } };
    const booting = performance.now();
    const booted = await lane.boot({
      config: ep > 1 ? header.expert_configs![ep]! : header.configs[tp]!,
      architecture: header.architecture,
      tp,
      ...ep > 1 && { ep },
      dtype: asked.dtype,
      kv_cache_dtype: asked.kv_cache_dtype,
      block_size: null,
      max_num_batched_tokens: asked.max_num_batched_tokens,
      max_num_seqs: asked.max_num_seqs,
      ...typeof asked.clock === "number" && { clock_mhz: asked.clock },
    }, { ...signal && { signal } });
    const seconds = (performance.now() - booting) / 1000;
    yield { type: "booted", tp, ...ep > 1 && { ep }, limits: booted.limits, layers: booted.layers, seconds };
    const chosen = planned.find((engine) => engine.tp === tp && engine.ep === ep)!.sweeps;
    const events = execute({
      lane,
      session: results,
      sweeps: chosen,
      ...firingOptions(
        { ...how, measurementIterations: asked.measurement_iterations },
        quantity,
        chosen,
        {
          named: header.sentinels?.[tp],
          lasting: header.sustained?.filter((shot) => shot.tp === tp && ep === 1),
        },
      ),
      retryFailed: settings.retryFailed,
      ...signal && { signal },
    });
    for await (const event of events) {
      if (event.type === "shot") measured++;
      yield event;
    }
  }
  const seconds = (performance.now() - begun) / 1000;
  yield {
    type: "finished",
    dir: path,
    measured,
    failed: results.failed,
    inDoubt: results.judge.standing,
    seconds,
  };
}
