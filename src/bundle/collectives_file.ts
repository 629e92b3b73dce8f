/**
 * collectives.csv beside hardware.yaml: what all-reduce, all-gather and reduce-scatter take between devices.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { readTextIfThere } from "../files/read.ts";
import { readJson } from "../shots/read_json.ts";
import { median } from "../stats.ts";
import { visitLines } from "./csv.ts";

/** A collective. */
export type Collective = "all_reduce" | "all_gather" | "reduce_scatter";

/** The collectives that are measured. */
export const COLLECTIVES = ["all_reduce", "all_gather", "reduce_scatter"] as const satisfies Collective[];

/**
 * Through what a collective ran: torch.distributed over `nccl` or `gloo`, or a tensor-parallel group of `vllm`, which
 * takes its own all-reduce where that applies.
 */
export type CollectiveWay = "vllm" | "nccl" | "gloo";

/** The ways, first the one that a server takes. */
export const WAYS = ["vllm", "nccl", "gloo"] as const satisfies CollectiveWay[];

/** Version of the job, of its answers and of collectives.csv. */
export const COLLECTIVES_FORMAT = 1 as const;

/** A collective of one size. */
export interface CollectiveSample {
  /** Devices that took part. */
  readonly ranks: number;
  /** Through what. */
  readonly way: CollectiveWay;
  /** Which. */
  readonly collective: Collective;
  /** Bytes: of all_reduce the input, of all_gather a device's input, of reduce_scatter a device's output. */
  readonly bytes: number;
  /** Median time of a call over the trials, of the slowest device, in microseconds. */
  readonly us: number;
  /** The shortest trial. */
  readonly minUs: number;
  /** The longest trial. */
  readonly maxUs: number;
  /** Trials. */
  readonly trials: number;
}

/** Who measured, and how. */
export interface CollectivesHead {
  /** Version of the form. */
  readonly format: 1;
  /** `nccl` between GPUs, `gloo` between processes of a CPU. */
  readonly backend: "nccl" | "gloo";
  /** The device's name as its driver reports it. */
  readonly device: string;
  /** The driver's version. */
  readonly driver: string;
  /** The runtime, such as torch with its version. */
  readonly runtime: string;
  /** Version of vLLM. */
  readonly engine_version: string;
  /** Whether calls were replayed from CUDA graphs; else the host called one after the other. */
  readonly graphs: boolean;
  /** Type of the numbers. */
  readonly dtype: string;
  /** The processor beside the devices, and its cores. */
  readonly host: { readonly processor: string; readonly cores: number | null };
  /** When. */
  readonly at: string;
}

/** What was measured between the devices of a host. */
export interface Collectives {
  /** Who measured, and how. */
  readonly head: CollectivesHead;
  /** The samples, by ranks, way and collective, sizes ascending. */
  readonly samples: readonly CollectiveSample[];
}

const text = z.string().min(1);
const headSchema = z.object({
  format: z.literal(COLLECTIVES_FORMAT),
  backend: z.enum(["nccl", "gloo"], { error: "must be nccl or gloo" }),
  device: text,
  driver: text,
  runtime: text,
  engine_version: text,
  graphs: z.boolean(),
  dtype: text,
  host: z.object({ processor: text, cores: z.int().nullable() }),
  at: text,
});

const COLUMNS = ["ranks", "way", "collective", "bytes", "us", "min_us", "max_us", "trials"] as const;

/**
 * Where the file of a hardware is.
 *
 * @param hardwareDir Folder of the hardware, `perf/<hardware>`.
 * @returns The path.
 */
export function collectivesPath(hardwareDir: string): string {
  return join(hardwareDir, "collectives.csv");
}

/**
 * The folder of the hardware that a bundle is of.
 *
 * @param bundleDir The bundle's folder, `perf/<hardware>/<org>/<name>/<variant>`.
 * @returns The folder.
 */
export function hardwareDirOf(bundleDir: string): string {
  return dirname(dirname(dirname(bundleDir.replace(/\/+$/, ""))));
}

/**
 * Writes the file: a first line `# {...}` with who measured as JSON, the columns' names, a sample a line.
 *
 * @param collectives What was measured.
 * @returns The file's text.
 */
export function formatCollectives({ head, samples }: Collectives): string {
  const rows = [...samples].sort(byGroup).map((one) =>
    [one.ranks, one.way, one.collective, one.bytes, one.us, one.minUs, one.maxUs, one.trials].join()
  );
  return [`# ${JSON.stringify(head)}`, COLUMNS.join(), ...rows, ""].join("\n");
}

/**
 * Reads the file.
 *
 * @param content The file's text.
 * @param path Its path, for messages.
 * @returns What was measured.
 * @throws {UsageError} when a line breaks a rule, naming file and line.
 *
 * @example
 * ```ts
 * import { parseCollectives } from "./collectives_file.ts";
 * import assert from "node:assert/strict";
 * assert.throws(() => parseCollectives("ranks,way\n", "collectives.csv"), {
 *   message: "Cannot read collectives.csv, line 1: it must be '# ' and who measured as JSON",
 * });
 * ```
 */
export function parseCollectives(content: string, path: string): Collectives {
  const fail = (line: number, rule: string): UsageError =>
    new UsageError(`Cannot read ${path}, line ${line}: ${rule}`);
  const end = content.indexOf("\n");
  const first = (end < 0 ? content : content.slice(0, end)).trimEnd();
  if (!first.startsWith("# {")) throw fail(1, "it must be '# ' and who measured as JSON");
  const head = readJson(headSchema, first.slice(2), (rule) => fail(1, rule));
  const samples: CollectiveSample[] = [];
  const seen = new Set<string>();
  visitLines(end < 0 ? "" : content.slice(end + 1), (line) => {
    if (line.length === 0) return;
    const number = line.number + 1;
    if (number === 2) {
      if (line.source().trimEnd() !== COLUMNS.join()) {
        throw fail(2, `the columns must be ${COLUMNS.join()}`);
      }
      return;
    }
    if (line.length !== COLUMNS.length) throw fail(number, `expected ${plural(COLUMNS.length, "cell")}`);
    const whole = (at: number, least: number): number => {
      const value = line.value(at);
      if (Number.isSafeInteger(value) && value >= least) return value;
      throw fail(number, `${COLUMNS[at]} must be a whole number from ${least}, got ${line.text(at)}`);
    };
    const time = (at: number): number => {
      const value = line.value(at);
      if (Number.isFinite(value) && value > 0) return value;
      throw fail(number, `${COLUMNS[at]} must be above 0, got ${line.text(at)}`);
    };
    const sample = {
      ranks: whole(0, 2),
      way: oneOf(WAYS, line.text(1), (rule) => fail(number, `way ${rule}`)),
      collective: oneOf(COLLECTIVES, line.text(2), (rule) => fail(number, `collective ${rule}`)),
      bytes: whole(3, 1),
      us: time(4),
      minUs: time(5),
      maxUs: time(6),
      trials: whole(7, 1),
    };
    if (sample.minUs > sample.us || sample.us > sample.maxUs) {
      throw fail(number, `us must lie between min_us and max_us, got ${sample.us}`);
    }
    const key = `${sample.ranks} ${sample.way} ${sample.collective} ${plural(sample.bytes, "byte")}`;
    if (seen.has(key)) throw fail(number, `${key} is there twice`);
    seen.add(key);
    samples.push(sample);
  });
  return { head, samples: samples.sort(byGroup) };
}

/**
 * Reads what was measured between the devices of a hardware.
 *
 * @param hardwareDir Folder of the hardware, `perf/<hardware>`.
 * @returns What was measured, null where nobody has.
 * @throws {UsageError} when the file breaks a rule.
 *
 * @example
 * ```ts
 * import { readCollectives } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(await readCollectives("perf/no-such-hardware"), null);
 * ```
 */
export async function readCollectives(hardwareDir: string): Promise<Collectives | null> {
  const path = collectivesPath(hardwareDir);
  const content = await readTextIfThere(path);
  return content === null ? null : parseCollectives(content, path);
}

/** What the program that measures has told. */
export interface CollectivesRun extends Collectives {
  /** Groups of devices that failed, and why. */
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  /** Whether the last line is there. */
  readonly whole: boolean;
}

const above0 = { error: "must be a number of microseconds above 0" };
const time = z.number(above0).positive(above0);
const from1 = { error: "must be a whole number from 1" };
const from2 = { error: "must be a whole number from 2" };
const lineSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("sample"),
    ranks: z.int(from2).min(2, from2),
    way: z.enum(WAYS),
    collective: z.enum(COLLECTIVES),
    bytes: z.int(from1).min(1, from1),
    us: time,
    trials_us: z.array(time).min(1),
  }),
  z.object({ type: z.literal("failed"), name: text, message: text }),
  z.object({ type: z.literal("done"), seconds: z.number() }),
  z.object({ type: z.literal("collectives"), ...headSchema.shape }),
]);

/**
 * Reads what `harness/vllm/collectives.py` has told, in one run or in several of which each went on from the one before;
 * a last line that is cut is left out.
 *
 * @param content The file's text, JSON Lines.
 * @param path Its path, for messages.
 * @returns What was measured.
 * @throws {UsageError} when a line is none of such a file, a sample's time is not the median of its trials, or runs are of
 * unlike devices.
 */
export function parseCollectivesRun(content: string, path: string): CollectivesRun {
  const [first = "", ...lines] = content.split("\n");
  const fail = (number: number) => (rule: string): UsageError =>
    new UsageError(`Cannot read ${path}, line ${number}: ${rule}`);
  let head: CollectivesHead = readJson(headSchema, first, fail(1));
  const samples: CollectiveSample[] = [];
  let failed: { name: string; message: string }[] = [];
  let whole = false;
  for (const [index, line] of lines.entries()) {
    if (line === "" || (index === lines.length - 1 && !line.endsWith("}"))) continue;
    const fields = readJson(lineSchema, line, fail(index + 2));
    if (fields.type === "sample") {
      const { ranks, way, collective, bytes, us, trials_us: trials } = fields;
      if (Math.abs(us - median(trials)) > 0.001 * us) {
        throw fail(index + 2)(`us must be the median of trials_us, got ${us}`);
      }
      const [minUs, maxUs] = [Math.min(...trials), Math.max(...trials)];
      samples.push({ ranks, way, collective, bytes, us, minUs, maxUs, trials: trials.length });
    } else if (fields.type === "failed") failed.push({ name: fields.name, message: fields.message });
    else if (fields.type === "done") whole = true;
    else {
      const { type: _, ...next } = fields;
      const unlike = unlikeHeads(head, next);
      if (unlike !== null) throw fail(index + 2)(`${unlike}; move the file away`);
      [head, failed, whole] = [next, [], false];
    }
  }
  return { head, samples, failed, whole };
}

/**
 * Adds what was measured now to what was there; a size that was measured again replaces what there was of it.
 *
 * @param before What was there, null for nothing.
 * @param now What was measured now.
 * @param path The file's path, for the message.
 * @returns Both.
 * @throws {UsageError} when another device, backend or version measured before.
 */
export function joinCollectives(before: Collectives | null, now: Collectives, path: string): Collectives {
  if (before === null) return { head: now.head, samples: now.samples };
  const unlike = unlikeHeads(before.head, now.head);
  if (unlike !== null) {
    throw new UsageError(
      `Cannot add to ${path}: ${unlike}; move the file away, or name the hardware otherwise`,
    );
  }
  const key = ({ ranks, way, collective, bytes }: CollectiveSample): string =>
    `${ranks} ${way} ${collective} ${bytes}`;
  const newer = new Set(now.samples.map(key));
  return {
    head: now.head,
    samples: [...before.samples.filter((one) => !newer.has(key(one))), ...now.samples].sort(byGroup),
  };
}

/** The first thing in which measurements differ that do not go together, null for none. */
function unlikeHeads(before: CollectivesHead, now: CollectivesHead): string | null {
  const fields = ["backend", "device", "driver", "runtime", "engine_version"] as const;
  const name = fields.find((field) => before[field] !== now[field]);
  return name === undefined ? null : `its ${name} is ${before[name]}, now it is ${now[name]}`;
}

function byGroup(a: CollectiveSample, b: CollectiveSample): number {
  return a.ranks - b.ranks || WAYS.indexOf(a.way) - WAYS.indexOf(b.way) ||
    COLLECTIVES.indexOf(a.collective) - COLLECTIVES.indexOf(b.collective) || a.bytes - b.bytes;
}

function oneOf<T extends string>(known: readonly T[], value: string, fail: (rule: string) => Error): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  throw fail(`must be ${known.join(", ")}, got ${value || "nothing"}`);
}
