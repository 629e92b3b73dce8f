/**
 * Serving steps on a whole engine and putting them into a bundle.
 *
 * @module
 */
import { type Bundle, openBundle } from "../bundle/open.ts";
import { UsageError } from "../errors.ts";
import { readText } from "../files/read.ts";
import { loadModel } from "../model/load_model.ts";
import { designScenes, type ServeJob, shortLoads } from "../serving/serve_job.ts";
import { parseServed, type Served } from "../serving/served.ts";
import { writeServed } from "../serving/served_files.ts";
import { stepModel } from "../serving/step_model.ts";
import type { Settings } from "../settings.ts";
import { plural } from "../count_text.ts";
import { FAILED } from "./report_error.ts";
import { jobOf, type ServeFlags, serveJob } from "./serve_flags.ts";
import { stepsText } from "./serving_text.ts";
import type { Terminal } from "./terminal.ts";

/** What is served, and on which engine. */
export interface StepsFlags extends ServeFlags {
  /** How long the requests of each load arrive, in seconds. */
  readonly seconds: number;
  /** Seed of the loads. */
  readonly loadSeed: number;
}

/** How long the requests of each load arrive unless a flag says otherwise, in seconds. */
export const LOAD_SECONDS = 13;

/**
 * The job of designed batches and short loads.
 *
 * @param settings The settings.
 * @param flags The other flags.
 * @param terminal Whose signal ends a download.
 * @returns The job, and the folder of the bundle that it belongs to.
 * @throws {UsageError} when the model cannot be loaded or not be sharded.
 */
export async function stepsJob(
  settings: Settings,
  flags: StepsFlags,
  terminal: Pick<Terminal, "signal" | "err">,
): Promise<{ job: ServeJob; dir: string }> {
  return await jobOf(settings, flags, (engine) => ({
    scenes: designScenes(engine),
    loads: shortLoads(flags.seconds, engine.max_num_batched_tokens * 4, flags.loadSeed),
  }), terminal);
}

/**
 * Serves a job, writes what its steps took into the bundle, and tells what they say.
 *
 * @param job The job and the folder of its bundle.
 * @param settings Harness, transport and devices.
 * @param terminal Where it is told.
 * @param results A file of what was served elsewhere, in place of serving.
 * @returns The exit status: 1 when a part failed or the file is cut.
 * @throws {UsageError} when the bundle lacks the degree, or is of another device.
 * @throws {HarnessError} when the engine cannot be started or ends early.
 */
export async function measureSteps(
  { job, dir }: { readonly job: ServeJob; readonly dir: string },
  settings: Settings,
  terminal: Terminal,
  results?: string,
): Promise<number> {
  const bundle = await openBundle(dir);
  if (!bundle.tps.includes(job.tp)) {
    throw new UsageError(`Cannot write served steps: ${dir} has no tp${job.tp}; profile that degree first`);
  }
  const path = results ?? servedPath({ job, dir });
  if (results === undefined) await serveJob(job, path, settings, terminal);
  const served = parseServed(await readText(path), path);
  checkServed(served, bundle, settings.allowMixed, path);
  const written = await writeServed(dir, served);
  const model = await loadModel(served.head.model, { configDir: settings.configDir });
  terminal.out(stepsText(served, stepModel(bundle, { model, tp: served.head.tp, served })));
  terminal.out(`Written: ${written.join(", ")}\n`);
  for (const { name, message } of served.failed) terminal.err(`${name} failed: ${message}\n`);
  if (!served.whole) terminal.err(`${path} is cut: ${plural(served.steps.length, "step")} of it are taken\n`);
  return served.failed.length === 0 && served.whole ? 0 : FAILED;
}

/**
 * Where the lines of an engine that serves are kept.
 *
 * @param asked The job and the folder of its bundle.
 * @returns The path.
 */
export function servedPath({ job, dir }: { readonly job: ServeJob; readonly dir: string }): string {
  return `${dir}/tp${job.tp}/served.jsonl`;
}

/** Steps of another device say nothing of these rows. */
function checkServed({ head }: Served, { meta, dir }: Bundle, allowMixed: boolean, path: string): void {
  const pairs = [
    ["model", head.model, meta.model],
    ["device", head.device, meta.gpu],
    ["engine version", head.engine_version, meta.engine_version ?? meta.vllm_version],
  ] as const;
  for (const [what, served, rows] of pairs) {
    if (rows === undefined || rows === served || (allowMixed && what !== "model")) continue;
    throw new UsageError(
      `Cannot put ${path} into ${dir}: its ${what} is ${served}, that of the rows ${rows}; measure both alike` +
        (what === "model" ? "" : ", or allow it with --allow-mixed"),
    );
  }
}
