/**
 * `shotlab collectives`.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { collectivesPath } from "../../bundle/collectives_file.ts";
import { writeAtomic } from "../../files/write.ts";
import { collectivesJob, keepCollectives, measureCollectives } from "../../run/measure_collectives.ts";
import { resolveFlags, type Settings } from "../../settings.ts";
import { examples, positive, type Run } from "../command.ts";
import { addFlags, type Flags, settingsAmong } from "../flags.ts";
import { withLastWords } from "../interrupt.ts";
import { tellCollectives } from "../tell_collectives.ts";
import type { Terminal } from "../terminal.ts";

type CollectivesFlags = Flags & {
  readonly backend: "nccl" | "gloo";
  readonly ranks?: readonly number[];
  readonly ways?: readonly ("torch" | "vllm")[];
  readonly sizes?: readonly number[];
  readonly trials: number;
  readonly job?: string;
  readonly results?: string;
};

/** Settings of the same groups that say nothing of collectives. */
const UNUSED: readonly (keyof Settings)[] = [
  "model",
  "tpDegrees",
  "dtype",
  "kvCacheDtype",
  "variant",
  "revision",
  "helloTimeoutS",
  "force",
  "yes",
  "exactGrid",
  "retryFailed",
  "allowMixed",
];

const WORDS: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20 };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Measures all-reduce, all-gather and reduce-scatter between the devices of a host, through NCCL and as vLLM does " +
        "them, and writes collectives.csv into the hardware's folder: estimates, simulations and exports of its bundles " +
        "then know what communication takes.",
    )
    .optionsGroup("Collectives:")
    .addOption(
      new Option("--backend <name>", "Between GPUs (nccl), or processes of the processor (gloo)").choices([
        "nccl",
        "gloo",
      ]).default("nccl"),
    )
    .option(
      "--ranks <list>",
      "Devices that take part, such as 2,4 (default all that are named; 2 of gloo)",
      counts,
    )
    .option("--ways <list>", "torch, vllm or both (default both of nccl, torch of gloo)", ways)
    .option("--sizes <list>", "Bytes, such as 4KiB,64KiB,1MiB (default powers of two, 4KiB to 64MiB)", sizes)
    .option("--trials <n>", "Trials of each size; the median counts", positive, 5)
    .optionsGroup("Without a connection:")
    .option("--job <file>", "Write the job for harness/vllm/collectives.py, and measure nothing")
    .option("--results <file>", "Take what harness/vllm/collectives.py has written, and measure nothing");
  addFlags(command, ["What to measure", "Engine", "Files", "Run"], UNUSED)
    .addHelpText(
      "after",
      examples(
        "collectives --hardware H200 --devices 0,1",
        "collectives --hardware my-cpu --backend gloo --sizes 4KiB,1MiB",
      ),
    )
    .action((flags: CollectivesFlags) => run((terminal) => collectives(flags, terminal)));
}

async function collectives(flags: CollectivesFlags, terminal: Terminal): Promise<number> {
  const { backend, ranks, ways, sizes, trials, job, results, ...rest } = flags;
  const texts = settingsAmong(rest as Flags);
  const settings = resolveFlags({ model: "any/any", ...texts }, terminal.env);
  const { hardware, perfDir, devices, bootTimeoutS, shotTimeoutS, verbosity, harness, transport } = settings;
  const plan = {
    ...{ backend, devices, trials, bootTimeoutS, sizeTimeoutS: shotTimeoutS },
    ...ranks !== undefined && { ranks },
    ...ways !== undefined && { ways },
    ...sizes !== undefined && { sizes },
  };
  if (job !== undefined) {
    await writeAtomic(job, `${collectivesJob(plan)}\n`);
    terminal.out(
      `The job is in ${job}: python3 harness/vllm/collectives.py --job ${job} --out collectives.jsonl\n`,
    );
    return 0;
  }
  const found = results !== undefined
    ? await keepCollectives(results, join(perfDir, hardware))
    : await withLastWords(terminal.signal, lastWords(join(perfDir, hardware)), () =>
      measureCollectives({
        ...plan,
        ...{ hardware, perfDir, harness, transport, signal: terminal.signal },
        ...verbosity !== "silent" && { onLog: (line: string): void => terminal.err(`${line}\n`) },
      }));
  return await tellCollectives(found, settings.configDir, terminal);
}

function counts(text: string): number[] {
  return text.split(",").map(positive);
}

function ways(text: string): string[] {
  const words = text.split(",");
  if (words.every((word) => word === "torch" || word === "vllm")) return words;
  throw new InvalidArgumentError("Expected torch, vllm or torch,vllm.");
}

function sizes(text: string): number[] {
  return text.split(",").map((size) => {
    const found = /^(\d+)(KiB|MiB|)$/.exec(size);
    if (found !== null) return Number(found[1]) * WORDS[found[2]!]!;
    throw new InvalidArgumentError("Expected bytes, such as 4096, 64KiB or 1MiB.");
  });
}

/** What was measured by then is kept. */
function lastWords(dir: string): string {
  return `what was measured by then is kept in ${collectivesPath(dir)}; the same command measures the rest`;
}
