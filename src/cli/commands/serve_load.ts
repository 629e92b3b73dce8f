/**
 * `shotlab serve-load`.
 *
 * @module
 */
import type { Command } from "commander";
import { openBundle } from "../../bundle/open.ts";
import { readText } from "../../files/read.ts";
import { spreadOf, summarize } from "../../serving/latencies.ts";
import { parseServed, type Served } from "../../serving/served.ts";
import { latenciesOf, readServedSteps } from "../../serving/served_files.ts";
import { serverOf } from "../../serving/server.ts";
import { simulateServer } from "../../serving/simulate_server.ts";
import { stepModel } from "../../serving/step_model.ts";
import type { Load } from "../../serving/load.ts";
import { examples, type Run, settingsOf } from "../command.ts";
import { addLoadFlags, type LoadFlags, loadOf } from "../load_flags.ts";
import { FAILED } from "../report_error.ts";
import { addServeFlags, type AllServeFlags, jobOf, serveJob, settingFlags } from "../serve_flags.ts";
import { latencyTable, signed, termsText } from "../serving_text.ts";
import type { Terminal } from "../terminal.ts";
import type { ServeJob } from "../../serving/serve_job.ts";

type ServeLoadFlags = AllServeFlags & LoadFlags & { readonly out: string };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  addServeFlags(command, ["allowMixed"])
    .description(
      "Serves a load for real, on the whole engine in one process with made-up weights, and writes what happened; with " +
        "a bundle of the same model and hardware it is simulated as well, and the two are compared.",
    )
    .optionsGroup("Files to write:")
    .requiredOption("--out <file>", "Requests and steps, JSON Lines");
  addLoadFlags(command)
    .addHelpText(
      "after",
      examples(
        "serve-load --model meta-llama/Llama-3.1-8B --hardware H100 --requests 100 --rate 6 --out served.jsonl",
      ),
    )
    .action((flags: ServeLoadFlags) => run((terminal) => serveLoad(flags, terminal)));
}

async function serveLoad(flags: ServeLoadFlags, terminal: Terminal): Promise<number> {
  const settings = settingsOf(settingFlags(flags), terminal);
  const load = await loadOf(flags);
  const { job, dir } = await jobOf(settings, flags, () => ({ scenes: [], loads: [load] }), terminal);
  await serveJob(job, flags.out, settings, terminal);
  const served = parseServed(await readText(flags.out), flags.out);
  const latencies = summarize(served.requests.map(latenciesOf));
  const itlMs = spreadOf(served.requests.flatMap(({ itlUs }) => itlUs.map((us) => us / 1000)));
  terminal.out(`Served on ${served.head.device}:\n\n${latencyTable(latencies, itlMs)}\n\n`);
  terminal.out(await comparison(served, load, job, dir, latencies.ttftMs.mean, latencies.tpotMs.mean));
  terminal.out(`Requests and steps are in ${flags.out}\n`);
  for (const { name, message } of served.failed) terminal.err(`${name} failed: ${message}\n`);
  return served.failed.length === 0 ? 0 : FAILED;
}

/** The same load, simulated, where there is a bundle. */
async function comparison(
  served: Served,
  load: Load,
  { model, tp }: ServeJob,
  dir: string,
  ttftMs: number,
  tpotMs: number,
): Promise<string> {
  const bundle = await openBundle(dir).catch(() => null);
  if (bundle === null || !bundle.tps.includes(tp)) {
    return `There is no bundle at ${dir} to simulate the load with.\n`;
  }
  const steps = stepModel(bundle, { model, tp, served: await readServedSteps(dir, tp) });
  const simulated = simulateServer(load, steps, serverOf(served.head.settings));
  const { latencies, itlMs } = simulated;
  return `Simulated with ${dir}:\n${termsText(steps)}\n\n${latencyTable(latencies, itlMs)}\n\n` +
    `Simulated against served: TTFT ${signed(latencies.ttftMs.mean / ttftMs - 1)}, ` +
    `TPOT ${signed(latencies.tpotMs.mean / tpotMs - 1)} (means)\n`;
}
