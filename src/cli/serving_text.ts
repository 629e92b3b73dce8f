/**
 * Steps and latencies of servers, in words.
 *
 * @module
 */
import type { LatencySummary, Spread } from "../serving/latencies.ts";
import type { Served } from "../serving/served.ts";
import type { StepModel } from "../serving/step_model.ts";
import { percent } from "../stats.ts";
import { tableText } from "../view/table.ts";
import { plural } from "../count_text.ts";
import { significant } from "../view/text.ts";

/**
 * What was served, and what was learned of it.
 *
 * @param served What was served.
 * @param model The step model.
 * @returns Lines.
 */
export function stepsText({ head, steps, requests }: Served, model: StepModel): string {
  const { settings, host } = head;
  const graphs = settings.enforce_eager
    ? "eager"
    : `graphs ${settings.graphs} up to ${plural(settings.captured_sizes.at(-1) ?? 0, "token")}`;
  return [
    `${head.model} on ${head.device} (${host.processor}), ${head.engine} ${head.engine_version}, ${graphs}, ` +
    `${plural(settings.num_gpu_blocks, "KV block")} of ${settings.block_size}`,
    `${plural(steps.length, "step")}, ${plural(requests.length, "request")}`,
    termsText(model),
    ...heldOutLines(model),
    "",
  ].join("\n");
}

/**
 * The terms of a step model.
 *
 * @param model The model.
 * @returns A sentence.
 */
export function termsText({ basis, terms }: StepModel): string {
  if (basis === "rows") return "Steps are sums of layers, without the host and the gaps between kernels.";
  const ms = (us: number): string => significant(us / 1000);
  return `Steps are sums of layers and ${significant(terms.gapUs)} µs of gaps; the host takes ` +
    `${ms(terms.hostUs.graph)} ms for a graph, ${ms(terms.hostUs.pieces)} for graphs in pieces, ` +
    `${ms(terms.hostUs.kernels)} for single kernels, ${ms(terms.requestUs)} more a request` +
    (terms.clock === null
      ? "; the device keeps its full clock."
      : `; prompts that follow each other take ${percent(terms.clock.slowdown)} longer at the power limit.`);
}

/**
 * How far off a step model is on what no term was learned from.
 *
 * @param model The model.
 * @returns A line a part.
 */
export function heldOutLines({ heldOut }: StepModel): string[] {
  return heldOut.map(({ part, busyError, windowP50, windowP90 }) => {
    const windows = Number.isNaN(windowP50)
      ? "too few for windows of 25 steps"
      : `windows of 25 steps ${percent(windowP50)} / ${percent(windowP90)}`;
    return `Steps of ${part.replace(/^load: /, "the load ")}, which no term was learned from: busy time ${
      signed(busyError)
    }, ${windows}`;
  });
}

/**
 * Latencies as a table.
 *
 * @param latencies The latencies.
 * @param itlMs Times between tokens, where they are known.
 * @returns The table.
 */
export function latencyTable(latencies: LatencySummary, itlMs?: Spread): string {
  const row = (name: string, { mean, p50, p90, p99 }: Spread): Record<string, string> => ({
    ms: name,
    ...Object.fromEntries(Object.entries({ mean, p50, p90, p99 }).map(([of, ms]) => [of, significant(ms)])),
  });
  return tableText([
    row("TTFT", latencies.ttftMs),
    row("TPOT", latencies.tpotMs),
    ...itlMs === undefined ? [] : [row("ITL", itlMs)],
    row("end to end", latencies.e2eMs),
  ]);
}

/**
 * A relative error with its sign.
 *
 * @param error The error.
 * @returns Such as `+1.2%`.
 */
export function signed(error: number): string {
  return `${error < 0 ? "" : "+"}${percent(error)}`;
}
