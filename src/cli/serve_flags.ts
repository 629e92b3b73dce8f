/**
 * The flags of commands that boot a whole engine, and the engine that they ask for.
 *
 * @module
 */
import type { Command } from "commander";
import { bundlePath } from "../bundle/layout.ts";
import { loadModel } from "../model/load_model.ts";
import { resolveDtype, resolveKvDtype, variantName } from "../model/variant.ts";
import { answerJob, SERVED, startProgram } from "../harness/answer_job.ts";
import type { Child } from "../harness/child.ts";
import { formatJob, type ServeJob } from "../serving/serve_job.ts";
import { UsageError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { positive } from "./command.ts";
import { addFlags, type Flags } from "./flags.ts";
import { above0 } from "./load_flags.ts";
import { withLastWords } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";

/** What a command takes beside settings. */
export interface ServeFlags {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Most new tokens of a step. */
  readonly maxNumBatchedTokens: number;
  /** Most requests of a step. */
  readonly maxNumSeqs: number;
  /** Longest request. */
  readonly maxModelLen?: number;
  /** Whether nothing is compiled. */
  readonly eager?: boolean;
  /** Whether no step is scheduled ahead. */
  readonly sync?: boolean;
  /** Whether prompts share blocks. */
  readonly prefixCaching?: boolean;
  /** Share of the device's memory. */
  readonly gpuMemoryUtilization: number;
}

/**
 * Declares the flags of a whole engine's steps and memory.
 *
 * @param command What gets them.
 * @returns The command.
 */
export function addEngineFlags(command: Command): Command {
  return command
    .option("--max-num-batched-tokens <n>", "New tokens of a step", positive, 2048)
    .option("--max-num-seqs <n>", "Requests of a step", positive, 256)
    .option(
      "--gpu-memory-utilization <share>",
      "Share of the device's memory that the engine may use",
      above0,
      0.9,
    )
    .option("--eager", "Compile nothing and capture no graph");
}

/** Settings of runs and of harnesses that are asked more than one job. */
const OF_OTHERS = [
  ...["tpDegrees", "helloTimeoutS", "bootTimeoutS", "shotTimeoutS"] as const,
  ...["force", "yes", "exactGrid", "retryFailed"] as const,
];

/**
 * Declares the flags.
 *
 * @param command What gets them.
 * @param except Further settings that the command has no use for.
 * @returns The command.
 */
export function addServeFlags(command: Command, except: readonly (keyof Settings)[] = []): Command {
  addFlags(command, ["What to measure", "Engine", "Files", "Run"], [...OF_OTHERS, ...except]);
  command
    .optionsGroup("Server:")
    .option(
      "--tp <n>",
      "Tensor-parallel degree: one rank's share of every layer; with as many --devices the real server",
      positive,
      1,
    )
    .option(
      "--max-model-len <n>",
      "Longest request, in tokens (default the model's own, at most 16384)",
      positive,
    );
  return addEngineFlags(command)
    .option("--sync", "Schedule a step when the tokens of the one before have come")
    .option("--prefix-caching", "Let prompts share blocks");
}

/**
 * The job that flags ask for.
 *
 * @param settings The settings.
 * @param flags The other flags.
 * @param what Scenes and loads.
 * @param terminal Whose signal ends a download.
 * @returns The job, and the folder of the bundle that it belongs to.
 * @throws {UsageError} when the model cannot be loaded or not be sharded, or the devices are not as many as the degree.
 */
export async function jobOf(
  settings: Settings,
  flags: ServeFlags,
  what: (engine: ServeJob["engine"]) => Pick<ServeJob, "scenes" | "loads">,
  { signal, err }: Pick<Terminal, "signal" | "err">,
): Promise<{ job: ServeJob; dir: string }> {
  const { configDir, revision, dtype, kvCacheDtype, hardware, perfDir, variant: asked } = settings;
  const onDownload = (message: string): void => err(`${message}\n`);
  const model = await loadModel(settings.model, { configDir, revision, signal, onDownload });
  const variant = variantName({ config: model.config, dtype, kvCacheDtype, variant: asked });
  const longest = model.config.max_position_embeddings;
  const engine = {
    max_num_batched_tokens: flags.maxNumBatchedTokens,
    max_num_seqs: flags.maxNumSeqs,
    max_model_len: flags.maxModelLen ?? Math.min(typeof longest === "number" ? longest : 16_384, 16_384),
    dtype: resolveDtype(model.config, dtype),
    kv_cache_dtype: resolveKvDtype(model.config, kvCacheDtype),
    enforce_eager: flags.eager ?? false,
    async_scheduling: flags.sync !== true,
    enable_prefix_caching: flags.prefixCaching ?? false,
    gpu_memory_utilization: flags.gpuMemoryUtilization,
    ...servers(settings.devices, flags.tp) && { tensor_parallel_size: flags.tp },
  };
  const job = { model, hardware, variant, tp: flags.tp, engine, ...what(engine) };
  return { job, dir: bundlePath(perfDir, hardware, settings.model, variant) };
}

/** Whether the devices serve together, not one of them a rank's share. */
function servers(devices: readonly number[], tp: number): boolean {
  if (tp > 1 && devices.length > 1 && devices.length !== tp) {
    throw new UsageError(
      `Cannot serve tp ${tp} on devices ${devices.join()}: name ${tp} of them, or one for a rank's share`,
    );
  }
  return tp > 1 && devices.length === tp;
}

/**
 * Starts the engine that is to serve, which waits for its job and takes no device before it comes.
 *
 * @param settings Harness, transport and devices.
 * @param terminal Where the engine's log goes.
 * @returns Its process, for `serveJob`.
 * @throws {HarnessError} when it cannot be started.
 */
export function startServing(settings: Settings, { err }: Pick<Terminal, "err">): Promise<Child> {
  const { harness, transport, devices, verbosity } = settings;
  return startProgram(SERVED, { harness, transport, devices, ...logTo(verbosity, err) });
}

/**
 * Serves a job into a file.
 *
 * @param job The job.
 * @param out The file.
 * @param settings Harness, transport and devices.
 * @param terminal Where the engine's log goes.
 * @param started The engine's process, started before.
 * @throws {HarnessError} when the engine cannot be started or ends early.
 */
export async function serveJob(
  job: ServeJob,
  out: string,
  { harness, transport, devices, verbosity }: Settings,
  { signal, err }: Pick<Terminal, "signal" | "err">,
  started?: Promise<Child>,
): Promise<void> {
  const lastWords =
    `what was served is in ${out}, cut where it ended; the same command serves all of it again`;
  await withLastWords(signal, lastWords, () =>
    answerJob(SERVED, formatJob(job), {
      harness,
      transport,
      devices,
      out,
      signal,
      ...started && { started },
      ...logTo(verbosity, err),
    }));
}

function logTo(
  verbosity: Settings["verbosity"],
  err: Terminal["err"],
): { onLog?: (line: string) => void } {
  return verbosity === "silent" ? {} : { onLog: (line): void => err(`${line}\n`) };
}

/** Flags of a command, settings among them. */
export type AllServeFlags = Flags & ServeFlags;

/**
 * The flags that are settings: those of the server and of loads have been read already.
 *
 * @param flags All flags.
 * @returns Texts and switches.
 */
export function settingFlags(flags: AllServeFlags): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => typeof value !== "number")) as Flags;
}
