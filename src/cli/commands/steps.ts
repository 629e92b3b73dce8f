/**
 * `shotlab steps`.
 *
 * @module
 */
import type { Command } from "commander";
import { type Bundle, openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { readText } from "../../files/read.ts";
import { writeAtomic } from "../../files/write.ts";
import { loadModel } from "../../model/load_model.ts";
import { designScenes, formatJob, shortLoads } from "../../serving/serve_job.ts";
import { parseServed, type Served } from "../../serving/served.ts";
import { writeServed } from "../../serving/served_files.ts";
import { stepModel } from "../../serving/step_model.ts";
import { plural } from "../../view/text.ts";
import { examples, positive, type Run, settingsOf } from "../command.ts";
import { whole } from "../load_flags.ts";
import { FAILED } from "../report_error.ts";
import { addServeFlags, type AllServeFlags, jobOf, serveJob, settingFlags } from "../serve_flags.ts";
import type { Terminal } from "../terminal.ts";
import { stepsText } from "../serving_text.ts";

type StepsFlags = AllServeFlags & {
  readonly seconds: number;
  readonly loadSeed: number;
  readonly job?: string;
  readonly results?: string;
};

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  addServeFlags(command)
    .description(
      "Boots the whole engine with made-up weights, fires designed batches and short loads, and writes what each step " +
        "took into the bundle: served_steps.csv and served_requests.csv. About 3 minutes on a GPU.",
    )
    .optionsGroup("What is served:")
    .option("--seconds <n>", "How long the requests of each of three loads arrive", positive, 13)
    .option("--load-seed <n>", "Seed of the loads", whole, 0)
    .optionsGroup("Without a connection:")
    .option("--job <file>", "Write the job for harness/vllm/served.py, and serve nothing")
    .option("--results <file>", "Take what harness/vllm/served.py has written, and serve nothing")
    .addHelpText(
      "after",
      examples(
        "steps --model meta-llama/Llama-3.1-8B --hardware H100",
        "steps --model Qwen/Qwen3-0.6B --hardware my-cpu --eager --max-num-batched-tokens 256 --max-num-seqs 8 --seconds 2",
      ),
    )
    .action((flags: StepsFlags) => run((terminal) => steps(flags, terminal)));
}

async function steps(flags: StepsFlags, terminal: Terminal): Promise<number> {
  const settings = settingsOf(settingFlags(flags), terminal);
  const { job, dir } = await jobOf(settings, flags, (engine) => ({
    scenes: designScenes(engine),
    loads: shortLoads(flags.seconds, engine.max_num_batched_tokens * 4, flags.loadSeed),
  }), terminal);
  if (flags.job !== undefined) {
    await writeAtomic(flags.job, `${formatJob(job)}\n`);
    terminal.out(
      `The job is in ${flags.job}: python3 harness/vllm/served.py --job ${flags.job} --out served.jsonl\n`,
    );
    return 0;
  }
  const bundle = await openBundle(dir);
  if (!bundle.tps.includes(flags.tp)) {
    throw new UsageError(`Cannot write served steps: ${dir} has no tp${flags.tp}; profile that degree first`);
  }
  const path = flags.results ?? `${dir}/tp${flags.tp}/served.jsonl`;
  if (flags.results === undefined) await serveJob(job, path, settings, terminal);
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
