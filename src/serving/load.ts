/**
 * Loads: the requests that a server gets.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { readJson } from "../shots/read_json.ts";

/** A request of a load. */
export interface LoadRequest {
  /** When it arrives, in seconds from the load's start; of one that waits for another, from that one's end. */
  readonly arrivalS: number;
  /** Tokens of the prompt. */
  readonly inputTokens: number;
  /** Tokens of the answer. */
  readonly outputTokens: number;
  /** The part of the prompt that it shares with others: those with the same name begin with the same tokens. */
  readonly prefix?: { readonly name: string; readonly tokens: number };
  /** Place in the load of the request whose end it waits for, as the calls of an agent do. */
  readonly after?: number;
}

/** The requests that a server gets. */
export interface Load {
  /** What tables and figures call it. */
  readonly name: string;
  /** The requests, those that wait for no other in the order of their arrival. */
  readonly requests: readonly LoadRequest[];
  /** Requests that are served at any time, each arriving when another ends; null when they arrive by the clock. */
  readonly concurrency: number | null;
}

const count = z.int({ error: "must be a whole number" }).min(1, { error: "must be at least 1" });
const from0 = z.number({ error: "must be a number" }).min(0, { error: "must be at least 0" });
const time = z.number({ error: "must be a number" });
const lengths = { input_toks: count, output_toks: count };
const tokenIds = z.array(z.int()).optional();

/** A line of the simulator, independent; the prefix is ours. */
const flat = z.object({
  ...lengths,
  arrival_time_ns: from0,
  input_tok_ids: tokenIds,
  prefix_name: z.string().optional(),
  prefix_toks: count.optional(),
});
/** A line of the simulator: calls of which each waits for the one before and a tool. */
const session = z.object({
  arrival_time_ns: from0,
  sub_requests: z.array(z.object({ ...lengths, tool_duration_ns: from0.optional() })),
});
/** What the simulator's benchmark of a real server writes. */
const benched = z.object({ ...lengths, arrival_time: time });
/** A timed trace of vLLM's benchmark; seconds, unless its reader is told otherwise. */
const trace = z.object({ timestamp: from0, input_length: count, output_length: count });
/** A detailed result of vLLM's benchmark; without start times the requests arrive at once. */
const result = z.object({
  input_lens: z.array(count),
  output_lens: z.array(z.int().min(0)),
  start_times: z.array(time).optional(),
});

/** Options of {@linkcode parseLoad}. */
export interface ParseLoadOptions {
  /** What messages call the file, and its name without folder and ending the load. @default {"load"} */
  readonly path?: string;
  /** Seconds of a trace's unit of time, as vLLM's `--timed-trace-sec-multiplier`. @default {1} */
  readonly traceUnitS?: number;
  /** Serves so many requests at any time in place of their arrivals. @default {null} */
  readonly concurrency?: number | null;
}

/**
 * Reads a load, a JSON object a line: of LLMServingSim (`input_toks`, `output_toks`, `arrival_time_ns`; sessions of
 * `sub_requests`), of its benchmark of a real server (`arrival_time` in seconds), of vLLM's timed traces (`timestamp`,
 * `input_length`, `output_length`), or the detailed results of vLLM's benchmark (`input_lens`, `output_lens`,
 * `start_times`). Token ids are not read: what requests share is `prefix_name` and `prefix_toks`.
 *
 * @param text The file's text.
 * @param options How it is read.
 * @returns The load; arrivals count from the first one where the file has times of a clock.
 * @throws {UsageError} when a line is none of these, naming file, line, field and rule, or there is no request.
 *
 * @example
 * ```ts
 * import { parseLoad } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const { requests } = parseLoad('{"input_toks":470,"output_toks":116,"arrival_time_ns":24049000}');
 * assert.deepEqual(requests, [{ arrivalS: 0.024049, inputTokens: 470, outputTokens: 116 }]);
 * ```
 */
export function parseLoad(text: string, options: ParseLoadOptions = {}): Load {
  const { path = "load", traceUnitS = 1, concurrency = null } = options;
  const requests: LoadRequest[] = [];
  const clocked: number[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fail = (rule: string): UsageError =>
      new UsageError(`Cannot read the load ${path}, line ${index + 1}: ${rule}`);
    readLine(line, fail, traceUnitS, requests, clocked);
  }
  if (requests.length === 0) {
    throw new UsageError(`Cannot read the load ${path}: it must have a request, got none`);
  }
  const first = clocked.reduce((first, time) => Math.min(first, time), Infinity);
  const shifted = clocked.length === 0
    ? requests
    : requests.map((one) => ({ ...one, arrivalS: one.arrivalS - first }));
  return { name: nameOf(path), requests: inOrder(shifted), concurrency };
}

function readLine(
  line: string,
  fail: (rule: string) => UsageError,
  traceUnitS: number,
  requests: LoadRequest[],
  clocked: number[],
): void {
  const fields = readJson(z.looseObject({}, { error: "must be an object" }), line, fail);
  const read = <T>(schema: z.ZodType<T>): T => readJson(schema, line, fail);
  if ("sub_requests" in fields) {
    const { arrival_time_ns, sub_requests } = read(session);
    let waitNs = arrival_time_ns;
    for (const [index, { input_toks, output_toks, tool_duration_ns = 0 }] of sub_requests.entries()) {
      const after = index === 0 ? {} : { after: requests.length - 1 };
      requests.push({ arrivalS: waitNs / 1e9, inputTokens: input_toks, outputTokens: output_toks, ...after });
      waitNs = tool_duration_ns;
    }
  } else if ("arrival_time_ns" in fields) {
    const { input_toks, output_toks, arrival_time_ns, prefix_name, prefix_toks } = read(flat);
    const shared = prefix_name !== undefined && prefix_toks !== undefined
      ? { prefix: { name: prefix_name, tokens: Math.min(prefix_toks, input_toks) } }
      : {};
    requests.push({
      arrivalS: arrival_time_ns / 1e9,
      inputTokens: input_toks,
      outputTokens: output_toks,
      ...shared,
    });
  } else if ("arrival_time" in fields) {
    const { input_toks, output_toks, arrival_time } = read(benched);
    requests.push({ arrivalS: arrival_time, inputTokens: input_toks, outputTokens: output_toks });
    clocked.push(arrival_time);
  } else if ("timestamp" in fields) {
    const { timestamp, input_length, output_length } = read(trace);
    requests.push({
      arrivalS: timestamp * traceUnitS,
      inputTokens: input_length,
      outputTokens: output_length,
    });
  } else if ("input_lens" in fields) {
    const { input_lens, output_lens, start_times } = read(result);
    if (
      output_lens.length !== input_lens.length ||
      (start_times !== undefined && start_times.length !== input_lens.length)
    ) {
      throw fail("input_lens, output_lens and start_times must be equally long");
    }
    for (const [at, inputTokens] of input_lens.entries()) {
      const outputTokens = output_lens[at]!;
      if (outputTokens === 0) continue; // A request that failed.
      const arrivalS = start_times?.[at] ?? 0;
      requests.push({ arrivalS, inputTokens, outputTokens });
      if (start_times !== undefined) clocked.push(arrivalS);
    }
  } else {
    throw fail(
      "it must have arrival_time_ns, sub_requests, arrival_time, timestamp or input_lens, " +
        `got ${Object.keys(fields).join(", ") || "no field"}`,
    );
  }
}

/**
 * Writes a load as LLMServingSim reads it, a JSON object a line.
 *
 * @param load The load; requests that wait for others cannot be written.
 * @returns The file's text.
 * @throws {UsageError} when a request waits for another.
 *
 * @example
 * ```ts
 * import { formatLoad, parseLoad } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const text = '{"input_toks":470,"output_toks":116,"arrival_time_ns":24049000}\n';
 * assert.equal(formatLoad(parseLoad(text)), text);
 * ```
 */
export function formatLoad({ name, requests }: Load): string {
  return requests.map(({ arrivalS, inputTokens, outputTokens, prefix, after }) => {
    if (after !== undefined) {
      throw new UsageError(`Cannot write the load ${name}: a request waits for another`);
    }
    const shared = prefix && { prefix_name: prefix.name, prefix_toks: prefix.tokens };
    const arrival_time_ns = Math.round(arrivalS * 1e9);
    return `${
      JSON.stringify({ input_toks: inputTokens, output_toks: outputTokens, arrival_time_ns, ...shared })
    }\n`;
  }).join("");
}

/**
 * The same requests at another rate: their arrivals are stretched or pressed together.
 *
 * @param load Requests that arrive by the clock.
 * @param factor How many times as fast they come, above 0.
 * @returns The load.
 *
 * @example
 * ```ts
 * import { generateLoad } from "shotlab";
 * import { atRate } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const load = generateLoad({ requests: 2, ratePerS: 1, seed: 1 });
 * assert.equal(atRate(load, 2).requests[1]!.arrivalS, load.requests[1]!.arrivalS / 2);
 * ```
 */
export function atRate(load: Load, factor: number): Load {
  return {
    ...load,
    requests: load.requests.map((one) =>
      one.after === undefined ? { ...one, arrivalS: one.arrivalS / factor } : one
    ),
  };
}

/**
 * The same requests again and again, until they arrive for long enough.
 *
 * @param load Requests that arrive by the clock, over a time.
 * @param seconds How long they are to arrive, in seconds.
 * @returns The load.
 */
export function lasting(load: Load, seconds: number): Load {
  const { requests } = load;
  const ownS = requests.findLast(({ after }) => after === undefined)?.arrivalS ?? 0;
  const periodS = ownS * (1 + 1 / requests.length);
  const times = ownS > 0 ? Math.ceil(seconds / periodS) : 1;
  return {
    ...load,
    requests: Array.from(
      { length: times },
      (_, round) =>
        requests.map((one) =>
          one.after === undefined
            ? { ...one, arrivalS: one.arrivalS + round * periodS }
            : { ...one, after: one.after + round * requests.length }
        ),
    ).flat(),
  };
}

/** By arrival; those that wait for another come behind it and keep pointing at it. */
function inOrder(requests: readonly LoadRequest[]): LoadRequest[] {
  const arrival = (at: number): number => {
    const { after, arrivalS } = requests[at]!;
    return after === undefined ? arrivalS : arrival(after);
  };
  const order = requests.map((_, at) => ({ at, arrivalS: arrival(at) }))
    .sort((a, b) => a.arrivalS - b.arrivalS || a.at - b.at);
  const place = new Map(order.map(({ at }, to) => [at, to]));
  return order.map(({ at }) => {
    const { after, ...one } = requests[at]!;
    return after === undefined ? one : { ...one, after: place.get(after)! };
  });
}

function nameOf(path: string): string {
  return path.replace(/^.*[\\/]/, "").replace(/\.jsonl?$/, "");
}
