/**
 * Loads that were served by a script of one's own: requests with their latencies, steps with the time when they were
 * scheduled, and when their tokens came. The host's times are read from the steps that it held up.
 */
import { z } from "zod";
import { median } from "../../../src/stats.ts";
import { readJsonFile } from "../../../tasks/script.ts";
import type { Served, ServedSettings, ServedStep } from "../../../src/serving/served.ts";
import { type LaunchKind, launchKind, tokensOf } from "../../../src/serving/step_terms.ts";

const traceSchema = z.object({
  load: z.string(),
  requests: z.array(z.object({
    arrival_s: z.number(),
    input: z.int(),
    output: z.int(),
    ttft_ms: z.number(),
    tpot_ms: z.number(),
  })),
  steps: z.array(z.tuple([z.number(), z.array(z.tuple([z.int(), z.int(), z.int()]))])),
  outputs: z.array(z.tuple([z.number(), z.int()])),
});

/** A served load. */
export type Trace = z.infer<typeof traceSchema>;

/** Sizes for which vLLM captures graphs by default with 256 requests. */
export const DEFAULT_SIZES: readonly number[] = [
  ...[1, 2, 4],
  ...Array.from({ length: 32 }, (_, at) => 8 * (at + 1)),
  ...Array.from({ length: 16 }, (_, at) => 256 + 16 * (at + 1)),
];

/**
 * Reads a trace, packed with gzip or not.
 *
 * @param path The file.
 * @returns The trace.
 * @throws {UsageError} when it cannot be read or is no trace.
 */
export async function readTrace(path: string): Promise<Trace> {
  return await readJsonFile(path, traceSchema);
}

/**
 * The steps of a trace as served ones. A step's time of the host is the time until the next one was scheduled, where
 * the host held the device up: a prompt whose launch takes longer than the device's step before it, and the step after
 * such a prompt.
 *
 * @param trace The trace.
 * @param settings The engine's settings.
 * @returns The steps.
 */
export function stepsOfTrace(trace: Trace, settings: ServedSettings): ServedStep[] {
  const part = `load: ${trace.load.replace(/^load-|\.json.*$/g, "")}`;
  const kinds = trace.steps.map(([, batch]): LaunchKind =>
    launchKind(settings, tokensOf(groupsOf(batch)), batch.some(([tokens]) => tokens > 1))
  );
  const decodeUs = median(
    trace.steps.flatMap(([at], i) =>
      kinds[i] === "graph" && kinds[i - 1] === "graph" ? [(at - trace.steps[i - 1]![0]) * 1e6] : []
    ),
  );
  return trace.steps.map(([scheduledS, batch], i) => {
    const untilUs = ((trace.steps[i + 1]?.[0] ?? NaN) - scheduledS) * 1e6;
    const held = kinds[i] === "graph"
      ? untilUs < 0.7 * decodeUs
      : kinds[i - 1] === "graph" && untilUs > 1.3 * decodeUs;
    return {
      part,
      groups: groupsOf(batch),
      scheduledS,
      outputS: trace.outputs[i]?.[0] ?? null,
      launchUs: null,
      hostUs: held ? untilUs : null,
      spanUs: null,
      kernelUs: null,
    };
  });
}

/**
 * The requests of a trace as served ones.
 *
 * @param trace The trace.
 * @returns The requests.
 */
export function requestsOfTrace(trace: Trace): Served["requests"] {
  return trace.requests.map((one) => {
    const firstS = one.arrival_s + one.ttft_ms / 1e3;
    return {
      part: `load: ${trace.load.replace(/^load-|\.json.*$/g, "")}`,
      arrivalS: one.arrival_s,
      inputTokens: one.input,
      outputTokens: one.output,
      firstS,
      lastS: firstS + one.tpot_ms * (one.output - 1) / 1e3,
      itlUs: [],
    };
  });
}

function groupsOf(batch: Trace["steps"][number][1]): ServedStep["groups"] {
  return batch.map(([tokens, history, count]) => ({ tokens, history, count }));
}
