/**
 * `shotlab steps`.
 *
 * @module
 */
import type { Command } from "commander";
import { writeAtomic } from "../../files/write.ts";
import { formatJob } from "../../serving/serve_job.ts";
import { examples, positive, type Run, settingsOf } from "../command.ts";
import { whole } from "../load_flags.ts";
import { LOAD_SECONDS, measureSteps, stepsJob } from "../measure_steps.ts";
import { addServeFlags, type AllServeFlags, settingFlags } from "../serve_flags.ts";
import type { Terminal } from "../terminal.ts";

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
    .option("--seconds <n>", "How long the requests of each of three loads arrive", positive, LOAD_SECONDS)
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
  const asked = await stepsJob(settings, flags, terminal);
  if (flags.job !== undefined) {
    await writeAtomic(flags.job, `${formatJob(asked.job)}\n`);
    terminal.out(
      `The job is in ${flags.job}: python3 harness/vllm/served.py --job ${flags.job} --out served.jsonl\n`,
    );
    return 0;
  }
  return await measureSteps(asked, settings, terminal, flags.results);
}
