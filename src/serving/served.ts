/**
 * What a whole engine has served: its steps and requests, as `harness/vllm/served.py` writes them.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { readJson } from "../shots/read_json.ts";
import { SERVED_FORMAT } from "./serve_job.ts";

const size = z.int().min(0);
const us = z.number().min(0).nullable();
const text = z.string();

/** The settings of an engine that has served, by vLLM's names, as the engine resolved them. */
export interface ServedSettings {
  /** Most new tokens of a step. */
  readonly max_num_batched_tokens: number;
  /** Most requests of a step. */
  readonly max_num_seqs: number;
  /** Longest request in tokens. */
  readonly max_model_len: number;
  /** Tokens of a KV block. */
  readonly block_size: number;
  /** KV blocks. */
  readonly num_gpu_blocks: number;
  /** Share of the device's memory that the engine could use. */
  readonly gpu_memory_utilization?: number | undefined;
  /** Type of the computation. */
  readonly dtype: string;
  /** Type of the KV cache. */
  readonly kv_cache_dtype: string;
  /** Whether nothing was compiled and no graph captured. */
  readonly enforce_eager: boolean;
  /** Which steps are graphs: vLLM's cudagraph_mode in lower case, `none` for an eager engine. */
  readonly graphs: string;
  /** Sizes that graphs were captured for, in tokens, ascending. */
  readonly captured_sizes: readonly number[];
  /** Whether step i+1 is scheduled while step i runs. */
  readonly async_scheduling: boolean;
  /** Whether prompts share blocks. */
  readonly prefix_caching: boolean;
  /** Which of vLLM's runners it was, `v1` or `v2`. */
  readonly model_runner?: string | undefined;
}

/** Who served, with which settings. */
export interface ServedHead {
  /** Version of the file. */
  readonly format: number;
  /** `<org>/<name>`. */
  readonly model: string;
  /** Label of the hardware. */
  readonly hardware: string;
  /** Name of the bundle's last folder. */
  readonly variant: string;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The engine's name. */
  readonly engine: string;
  /** Its version. */
  readonly engine_version: string;
  /** The device's name as its driver reports it. */
  readonly device: string;
  /** The driver's version. */
  readonly driver: string;
  /** The runtime, such as torch with its version. */
  readonly runtime: string;
  /** Devices that served together; 1 where it was one rank's share, or is not said. */
  readonly devices?: number | undefined;
  /** The processor that launched the steps, and its cores. */
  readonly host: { readonly processor: string; readonly cores: number | null };
  /** The engine's settings. */
  readonly settings: ServedSettings;
  /** What the device's memory went to, in bytes, as far as the engine tells. */
  readonly memory: Readonly<Record<string, number>>;
  /** How long the engine took to boot, in seconds. */
  readonly boot_s?: number | undefined;
}

/** The form of a head. */
export const servedHeadSchema: z.ZodType<ServedHead> = z.object({
  format: z.literal(SERVED_FORMAT),
  model: text,
  hardware: text,
  variant: text,
  tp: size.min(1),
  engine: text,
  engine_version: text,
  device: text,
  driver: text,
  runtime: text,
  devices: size.min(1).optional(),
  host: z.object({ processor: text, cores: z.int().nullable() }),
  settings: z.object({
    max_num_batched_tokens: size.min(1),
    max_num_seqs: size.min(1),
    max_model_len: size.min(1),
    block_size: size.min(1),
    num_gpu_blocks: size.min(1),
    gpu_memory_utilization: z.number().optional(),
    dtype: text,
    kv_cache_dtype: text,
    enforce_eager: z.boolean(),
    graphs: text,
    captured_sizes: z.array(size),
    async_scheduling: z.boolean(),
    prefix_caching: z.boolean(),
    model_runner: text.optional(),
  }),
  memory: z.record(text, z.number()),
  boot_s: z.number().optional(),
});

/** Equal requests of a step. */
export interface StepGroup {
  /** New tokens of each. */
  readonly tokens: number;
  /** Tokens computed before, of each. */
  readonly history: number;
  /** How many they are. */
  readonly count: number;
}

/** A step of a served engine; times that were not measured are null. */
export interface ServedStep {
  /** Of what it was a part: `designed: NAME`, `recorded: NAME` or `load: NAME`. */
  readonly part: string;
  /** Its requests. */
  readonly groups: readonly StepGroup[];
  /** When it was scheduled, in seconds from the part's start. */
  readonly scheduledS: number;
  /** When its tokens had come, in seconds from the part's start. */
  readonly outputS: number | null;
  /** What the host took to schedule and launch it, in microseconds. */
  readonly launchUs: number | null;
  /** What the host was busy for until it could schedule the next one, in microseconds. */
  readonly hostUs: number | null;
  /** The device's time from the step's begin to its end, in microseconds. */
  readonly spanUs: number | null;
  /** Sum of the device's kernels, in microseconds. */
  readonly kernelUs: number | null;
  /** What the host took to record an event of the device, a fixed piece of work that tells its speed, in microseconds. */
  readonly probeUs?: number | null;
}

/** A request that was served. */
export interface ServedRequest {
  /** Of which load: `load: NAME`. */
  readonly part: string;
  /** When it arrived, in seconds from the load's start. */
  readonly arrivalS: number;
  /** Tokens of the prompt. */
  readonly inputTokens: number;
  /** Tokens of the answer. */
  readonly outputTokens: number;
  /** When its first token came, in seconds from the load's start. */
  readonly firstS: number;
  /** When its last token came. */
  readonly lastS: number;
  /** Times between its tokens in microseconds. */
  readonly itlUs: readonly number[];
}

/** What was served. */
export interface Served {
  /** Who served. */
  readonly head: ServedHead;
  /** The steps, in the order in which they were scheduled within a part. */
  readonly steps: readonly ServedStep[];
  /** The requests of the loads. */
  readonly requests: readonly ServedRequest[];
  /** Scenes and loads that failed, and why. */
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  /** Whether the last line is there. */
  readonly whole: boolean;
}

const stepSchema = z.object({
  part: text,
  batch: z.array(z.tuple([size.min(1), size, size.min(1)])).min(1),
  scheduled_s: z.number(),
  output_s: z.number().nullable(),
  launch_us: us,
  host_us: us,
  span_us: us,
  kernel_us: us,
  probe_us: us.optional(),
});
const requestSchema = z.object({
  part: text,
  arrival_s: z.number(),
  input_tokens: size,
  output_tokens: size,
  first_s: z.number(),
  last_s: z.number(),
  itl_us: z.array(z.number()),
});
const lineSchema = z.discriminatedUnion("type", [
  stepSchema.extend({ type: z.literal("step") }),
  requestSchema.extend({ type: z.literal("request") }),
  z.object({ type: z.literal("failed"), name: text, message: text }),
  z.object({ type: z.literal("done"), seconds: z.number() }),
]);

/**
 * Reads a file of what was served; a last line that is cut is left out.
 *
 * @param content The file's text, JSON Lines.
 * @param path Its path, for messages.
 * @returns What was served.
 * @throws {UsageError} when a line is none of such a file, naming line, field and rule.
 *
 * @example
 * ```ts
 * import { parseServed } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * assert.throws(() => parseServed("{}\n", "served.jsonl"), /^UsageError: Cannot read served.jsonl, line 1: /);
 * ```
 */
export function parseServed(content: string, path: string): Served {
  const [first = "", ...lines] = content.split("\n");
  const fail = (number: number) => (rule: string): UsageError =>
    new UsageError(`Cannot read ${path}, line ${number}: ${rule}`);
  const head = readJson(servedHeadSchema, first, fail(1));
  const steps: ServedStep[] = [];
  const requests: ServedRequest[] = [];
  const failed: { name: string; message: string }[] = [];
  let whole = false;
  for (const [index, line] of lines.entries()) {
    if (line === "" || (index === lines.length - 1 && !line.endsWith("}"))) continue;
    const fields = readJson(lineSchema, line, fail(index + 2));
    if (fields.type === "step") steps.push(stepOf(fields));
    else if (fields.type === "request") requests.push(requestOf(fields));
    else if (fields.type === "failed") failed.push({ name: fields.name, message: fields.message });
    else whole = true;
  }
  return { head, steps, requests, failed, whole };
}

function stepOf(fields: z.infer<typeof stepSchema>): ServedStep {
  return {
    part: fields.part,
    groups: fields.batch.map(([tokens, history, count]) => ({ tokens, history, count })),
    scheduledS: fields.scheduled_s,
    outputS: fields.output_s,
    launchUs: fields.launch_us,
    hostUs: fields.host_us,
    spanUs: fields.span_us,
    kernelUs: fields.kernel_us,
    probeUs: fields.probe_us ?? null,
  };
}

function requestOf(fields: z.infer<typeof requestSchema>): ServedRequest {
  return {
    part: fields.part,
    arrivalS: fields.arrival_s,
    inputTokens: fields.input_tokens,
    outputTokens: fields.output_tokens,
    firstS: fields.first_s,
    lastS: fields.last_s,
    itlUs: fields.itl_us,
  };
}
