/**
 * Collectives between the devices of a host, measured and kept beside the hardware's bundles.
 *
 * @module
 */
import { join } from "node:path";
import {
  COLLECTIVES,
  type Collectives,
  COLLECTIVES_FORMAT,
  type CollectiveSample,
  collectivesPath,
  type CollectivesRun,
  formatCollectives,
  joinCollectives,
  parseCollectivesRun,
  readCollectives,
} from "../bundle/collectives_file.ts";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { readText, readTextIfThere } from "../files/read.ts";
import { writeAtomic, writeError } from "../files/write.ts";
import { answerJob, RANKS } from "../harness/answer_job.ts";

/** What is measured. */
export interface CollectivesPlan {
  /** `nccl` between GPUs, `gloo` between processes of this machine's processor. @default {"nccl"} */
  readonly backend?: "nccl" | "gloo";
  /** Numbers of the devices, in PCI bus order. @default {"all that are visible"} */
  readonly devices?: readonly number[];
  /** How many of them take part, one group after the other. @default {"all devices, two processes of gloo"} */
  readonly ranks?: readonly number[];
  /**
   * Through what: `torch` for torch.distributed alone, `vllm` for a tensor-parallel group of vLLM, with its own
   * all-reduce where that applies. @default {"both of nccl, torch of gloo"}
   */
  readonly ways?: readonly ("torch" | "vllm")[];
  /** Bytes. @default {"powers of two from 4 KiB to 64 MiB"} */
  readonly sizes?: readonly number[];
  /** Trials of each size; the median counts. @default {5} */
  readonly trials?: number;
  /** Longest wait for a group to meet, in seconds. @default {600} */
  readonly bootTimeoutS?: number;
  /** Longest wait for one size, in seconds. @default {120} */
  readonly sizeTimeoutS?: number;
}

/** Options of {@linkcode measureCollectives}. */
export interface MeasureCollectivesOptions extends CollectivesPlan {
  /** Name of the hardware: the folder in `perfDir`. */
  readonly hardware: string;
  /** Folder of the bundles. @default {"perf"} */
  readonly perfDir?: string;
  /** `vllm`, or `cmd:` and a command that takes `--job - --out -`. @default {"vllm"} */
  readonly harness?: string;
  /** Command that carries the program elsewhere, such as `["ssh", "gpu1"]`. @default {[]} */
  readonly transport?: readonly string[];
  /** Ends it; what has been measured is kept. */
  readonly signal?: AbortSignal;
  /** Receives the lines that it logs. */
  readonly onLog?: (line: string) => void;
}

/** What was measured, and where it is. */
export interface MeasuredCollectives {
  /** Path of collectives.csv. */
  readonly path: string;
  /** All that the file holds now. */
  readonly collectives: Collectives;
  /** Groups that failed, and why. */
  readonly failed: CollectivesRun["failed"];
}

const SMALLEST = 4096;
const LARGEST = 64 * 2 ** 20;

/**
 * Measures all-reduce, all-gather and reduce-scatter between the devices of a host, in CUDA graphs on GPUs, and adds
 * them to `<perfDir>/<hardware>/collectives.csv`. Estimates, simulations and exports of that hardware's bundles then take
 * communication from there. What ended early is resumed.
 *
 * @param options What is measured, and where it goes.
 * @returns What was measured.
 * @throws {UsageError} when the plan breaks a rule, or the file there is of another device.
 * @throws {HarnessError} when the program cannot be started or ends early.
 *
 * @example
 * ```ts ignore
 * import { measureCollectives } from "shotlab";
 * const { collectives } = await measureCollectives({ hardware: "H200", devices: [0, 1] });
 * console.table(collectives.samples);
 * ```
 */
export async function measureCollectives(options: MeasureCollectivesOptions): Promise<MeasuredCollectives> {
  const { hardware, perfDir = "perf", harness = "vllm", transport = [], devices = [], signal, onLog } =
    options;
  const dir = join(perfDir, hardware);
  const out = join(dir, "collectives.jsonl.part");
  const job = collectivesJob(options, await begunSamples(out));
  // What cannot be added to is told before anything is measured.
  await readCollectives(dir);
  await Deno.mkdir(dir, { recursive: true }).catch((cause) => {
    throw writeError(dir, cause);
  });
  const answers = {
    ...{ harness, transport, devices, out, append: true },
    ...signal !== undefined && { signal },
    ...onLog !== undefined && { onLog },
  };
  try {
    await answerJob(RANKS, job, answers);
  } catch (error) {
    await keepBegun(out, dir);
    throw error;
  }
  const kept = await keepCollectives(out, dir);
  await Deno.remove(out);
  return kept;
}

/** What came before the end is kept, to be resumed; why it ended says the error that is on its way. */
async function keepBegun(out: string, dir: string): Promise<void> {
  const content = await readTextIfThere(out);
  if (content === null) return;
  if (content.includes("\n")) {
    await keepCollectives(out, dir);
    return;
  }
  await Deno.remove(out);
  await Deno.remove(dir).catch(() => {}); // goes where nothing else is in it
}

/** The samples of a run that ended early; what comes behind its last whole line is cut off. */
async function begunSamples(out: string): Promise<readonly CollectiveSample[]> {
  const content = await readTextIfThere(out);
  if (content === null) return [];
  const whole = content.slice(0, content.lastIndexOf("\n") + 1);
  if (whole !== content) await writeAtomic(out, whole);
  return whole === "" ? [] : parseCollectivesRun(whole, out).samples;
}

/**
 * The job for `harness/vllm/collectives.py`.
 *
 * @param plan What is measured.
 * @param done What an earlier run has measured of it.
 * @returns JSON in one line.
 * @throws {UsageError} when it breaks a rule.
 */
export function collectivesJob(plan: CollectivesPlan, done: readonly CollectiveSample[] = []): string {
  const { backend = "nccl", devices = [], trials = 5, bootTimeoutS = 600, sizeTimeoutS = 120 } = plan;
  const ranks = plan.ranks ?? [backend === "gloo" ? 2 : devices.length];
  const ways = plan.ways ?? (backend === "gloo" ? ["torch"] : ["torch", "vllm"]);
  const sizes = plan.sizes ??
    Array.from({ length: 1 + Math.log2(LARGEST / SMALLEST) }, (_, at) => SMALLEST * 2 ** at);
  const fail = (rule: string): UsageError => new UsageError(`Cannot measure collectives: ${rule}`);
  if (backend === "nccl" && plan.ranks === undefined && devices.length < 2) {
    throw fail(
      `at least two devices must be named, such as --devices 0,1, got ${
        devices.join() || "none"
      }; on a machine without ` +
        "GPUs --backend gloo measures its processor",
    );
  }
  const least = (name: string, values: readonly number[], least: number, what: string): void => {
    const odd = values.find((value) => !Number.isSafeInteger(value) || value < least);
    if (odd !== undefined || values.length === 0) {
      throw fail(`${name} must be ${what}, got ${odd ?? "none"}`);
    }
  };
  least("ranks", ranks, 2, "whole numbers from 2");
  least("sizes", sizes, 2, "even numbers of bytes");
  const odd = sizes.find((size) => size % 2 !== 0);
  if (odd !== undefined) throw fail(`sizes must be even numbers of bytes, got ${odd}`);
  least("trials", [trials], 1, "a whole number from 1");
  const most = Math.max(...ranks);
  if (backend === "nccl" && devices.length > 0 && most > devices.length) {
    throw fail(`${plural(most, "rank")} need as many devices, named are ${devices.join()}`);
  }
  return JSON.stringify({
    format: COLLECTIVES_FORMAT,
    backend,
    ranks: distinctRising(ranks),
    ways: [...new Set(ways)],
    collectives: COLLECTIVES,
    sizes: distinctRising(sizes),
    trials,
    boot_timeout_s: bootTimeoutS,
    size_timeout_s: sizeTimeoutS,
    ...done.length > 0 && {
      done: done.filter((one) => one.trials === trials)
        .map(({ ranks, way, collective, bytes }) => [ranks, way, collective, bytes]),
    },
  });
}

/**
 * Adds what the program has told to collectives.csv.
 *
 * @param results Path of what it told, JSON Lines.
 * @param dir Folder of the hardware.
 * @returns What the file holds now.
 * @throws {UsageError} when either file breaks a rule, or they are of unlike devices.
 */
export async function keepCollectives(results: string, dir: string): Promise<MeasuredCollectives> {
  const path = collectivesPath(dir);
  const run = parseCollectivesRun(await readText(results), results);
  const failed = run.whole
    ? run.failed
    : [...run.failed, { name: results, message: "it is cut: the rest was not measured" }];
  const collectives = joinCollectives(await readCollectives(dir), run, path);
  if (run.samples.length > 0) {
    await Deno.mkdir(dir, { recursive: true }).catch((cause) => {
      throw writeError(dir, cause);
    });
    await writeAtomic(path, formatCollectives(collectives));
  }
  return { path, collectives, failed };
}

function distinctRising(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
