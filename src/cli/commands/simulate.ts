/**
 * `shotlab simulate`.
 *
 * @module
 */
import { Argument, type Command, InvalidArgumentError } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { hardwareDirOf, readCollectives } from "../../bundle/collectives_file.ts";
import { type Bundle, openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { loadModel } from "../../model/load_model.ts";
import type { Model } from "../../model/model.ts";
import { communicationAt, sheetLink } from "../../predict/communication.ts";
import { sheetOf } from "../../roofline/hardware.ts";
import { cacheGroups, type CapacityOptions, fits } from "../../serving/capacity.ts";
import type { ServedSettings } from "../../serving/served.ts";
import { readServedSteps } from "../../serving/served_files.ts";
import { serverOf, type ServerSettings } from "../../serving/server.ts";
import { simulateServer, type Simulation } from "../../serving/simulate_server.ts";
import { type StepModel, stepModel } from "../../serving/step_model.ts";
import { plural } from "../../count_text.ts";
import { formatShare, significant } from "../../view/text.ts";
import { examples, jsonText, positive, type Run, verboseFlag } from "../command.ts";
import { addLoadFlags, type LoadFlags, loadOf } from "../load_flags.ts";
import { heldOutLines, latencyTable, termsText } from "../serving_text.ts";
import type { Terminal } from "../terminal.ts";

interface SimulateFlags extends LoadFlags {
  readonly tp: number;
  readonly clock: "measured" | "cool";
  readonly plain?: boolean;
  readonly maxNumBatchedTokens?: number;
  readonly maxNumSeqs?: number;
  readonly maxModelLen?: number;
  readonly blockSize?: number;
  readonly numBlocks?: number;
  readonly sync?: boolean;
  readonly prefixCaching?: boolean;
  readonly configDir: string;
  readonly json?: boolean;
}

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Simulates one server on a bundle's times: latencies, throughput and preemptions of a load. Where the bundle " +
        "has served_steps.csv its terms and the engine's limits are taken; else a step is the sum of its layers.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder"));
  addLoadFlags(command)
    .optionsGroup("Server (default the engine of served_steps.csv, then the bundle's own limits):")
    .option("--tp <n>", "Tensor-parallel degree", positive, 1)
    .option("--max-num-batched-tokens <n>", "New tokens of a step", positive)
    .option("--max-num-seqs <n>", "Requests of a step", positive)
    .option("--max-model-len <n>", "Longest request, in tokens", positive)
    .option("--block-size <n>", "Tokens of a KV block", positive)
    .option(
      "--num-blocks <n>",
      "KV blocks, vLLM's num_gpu_blocks (else estimated by the device's sheet)",
      positive,
    )
    .option("--sync", "Schedule a step when the tokens of the one before have come, not when it starts")
    .option("--prefix-caching", "Share the blocks of common prefixes (prefix_name, prefix_toks of the load)")
    .optionsGroup("Steps:")
    .option(
      "--clock <measured|cool>",
      "The clock at the power limit as measured, or the full clock",
      clock,
      "measured",
    )
    .option("--plain", "Leave measured terms out: a step is the sum of its layers")
    .optionsGroup("Options:")
    .option("--config-dir <folder>", "Where models are", CONFIG_DIR)
    .option("--json", "Print the result as JSON, all requests included")
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples("simulate perf/H100/meta-llama/Llama-3.1-8B/bf16 --requests 1000 --rate 8"),
    )
    .action((dir: string, flags: SimulateFlags) => run((terminal) => simulate(dir, flags, terminal)));
}

async function simulate(
  dir: string,
  flags: SimulateFlags,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<number> {
  const { tp, json = false, plain = false, clock, configDir } = flags;
  const bundle = await openBundle(dir);
  const { meta } = bundle;
  if (meta.model === undefined) throw new UsageError(`Cannot simulate ${dir}: its meta.yaml names no model`);
  const model = await loadModel(meta.model, { configDir });
  const served = plain ? null : await readServedSteps(dir, tp);
  const load = await loadOf(flags);
  const sheet = await sheetOf(meta.gpu ?? "", configDir);
  const communication = communicationAt(
    tp,
    await readCollectives(hardwareDirOf(dir)),
    sheet === null ? null : sheetLink(sheet),
  );
  const steps = stepModel(bundle, { model, tp, served, clock, communication });
  const server = await serverSettings(flags, bundle, model, served?.head.settings ?? null);
  const result = simulateServer(load, steps, server);
  if (json) {
    terminal.out(jsonText({ ...result, server }));
  } else {
    for (const notice of steps.notices) terminal.err(`${notice}\n`);
    terminal.out(simulationText(result, steps, server));
  }
  return result.refused.length === 0 ? 0 : 1;
}

/** What flags say, then the served engine, then what the bundle's engine had; KV blocks by the device's sheet. */
async function serverSettings(
  flags: SimulateFlags,
  { meta, dir }: Pick<Bundle, "meta" | "dir">,
  model: Model,
  settings: ServedSettings | null,
): Promise<ServerSettings> {
  const served = settings === null ? null : serverOf(settings);
  const effective: Readonly<Record<string, unknown>> = { ...meta.engine_effective };
  const own = (name: string): number | undefined =>
    typeof effective[name] === "number" ? effective[name] : undefined;
  const limits = {
    maxNumBatchedTokens: flags.maxNumBatchedTokens ?? served?.maxNumBatchedTokens ??
      own("max_num_batched_tokens") ?? 2048,
    maxNumSeqs: flags.maxNumSeqs ?? served?.maxNumSeqs ?? own("max_num_seqs") ?? 256,
  };
  const blockSize = flags.blockSize ?? served?.blockSize;
  const engine = { tp: flags.tp, ...limits, ...blockSize !== undefined && { blockSize } };
  const groups = cacheGroups(model, engine);
  return {
    ...limits,
    blockSize: groups[0]?.block_size ?? 16,
    numBlocks: flags.numBlocks ?? served?.numBlocks ?? await estimatedBlocks(flags, meta, dir, model, engine),
    ...groups.length > 1 && { groups },
    maxModelLen: flags.maxModelLen ?? served?.maxModelLen ?? Infinity,
    asyncScheduling: flags.sync === true ? false : served?.asyncScheduling ?? true,
    prefixCaching: flags.prefixCaching ?? served?.prefixCaching ?? false,
  };
}

async function estimatedBlocks(
  { configDir }: SimulateFlags,
  meta: Bundle["meta"],
  dir: string,
  model: Model,
  engine: CapacityOptions & { readonly tp: number },
): Promise<number> {
  const sheet = await sheetOf(meta.gpu ?? "", configDir);
  if (sheet === null) {
    throw new UsageError(
      `Cannot simulate the server: its KV blocks are not known, and ${configDir}/hardware has no sheet of ` +
        `${meta.gpu ?? "its device"} to estimate them by; name them with --num-blocks`,
    );
  }
  const { blocks, bytes } = fits(model, sheet, engine);
  if (blocks >= 2) return blocks;
  throw new UsageError(
    `Cannot simulate the server: ${model.id} at tp ${engine.tp} does not fit ${sheet.device}: ${
      gib(bytes.weights)
    } of ` +
      `weights, ${gib(bytes.usable)} usable; choose a larger degree (${dir} has its own) or another device`,
  );
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function simulationText(result: Simulation, steps: StepModel, server: ServerSettings): string {
  const { load, requests, refused, throughput, occupancy } = result;
  return [
    `${load}: ${plural(requests.length, "request")} in ${significant(result.durationS)} s, ` +
    `${plural(result.steps, "step")}, at most ${plural(server.maxNumSeqs, "request")} and ` +
    `${plural(server.maxNumBatchedTokens, "token")} a step, ${plural(server.numBlocks, "KV block")}`,
    termsText(steps),
    "",
    latencyTable(result.latencies, result.itlMs),
    "",
    `${significant(throughput.requestsPerS)} requests/s, ${
      significant(throughput.inputTokensPerS)
    } tokens/s in, ` +
    `${significant(throughput.outputTokensPerS)} out; busy ${formatShare(result.busyShare)}, ` +
    `${significant(occupancy.requests)} requests a step, KV cache ${formatShare(occupancy.kvShare)} ` +
    `(peak ${formatShare(occupancy.kvSharePeak)}), ${plural(result.preemptions, "preemption")}`,
    ...heldOutLines(steps),
    ...refused.length === 0
      ? []
      : [`${plural(refused.length, "request")} refused, the first: ${refused[0]!.reason}`],
    "",
  ].join("\n");
}

function clock(text: string): string {
  if (text === "measured" || text === "cool") return text;
  throw new InvalidArgumentError("Expected measured or cool.");
}
