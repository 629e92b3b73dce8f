/**
 * What a bundle says about itself, as a table.
 *
 * @module
 */
import type { Meta } from "../../bundle/meta.ts";
import type { Bundle } from "../../bundle/open.ts";
import { processorText } from "../../processor.ts";
import { formatDuration } from "../../progress/duration.ts";
import { percent } from "../../stats.ts";
import { CATEGORY_ORDER } from "../../shots/shot.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare } from "../text.ts";

/** One line of the table. */
export interface Fact {
  /** What it is. */
  readonly fact: string;
  /** The value in words. */
  readonly value: string;
}

/**
 * The facts of a bundle that a reader asks for first.
 *
 * @param bundle The bundle.
 * @returns The facts that it states.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { bundleFacts } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * assert.ok(bundleFacts(bundle).some(({ value }) => value.includes("NVIDIA H100")));
 * ```
 */
export function bundleFacts(bundle: Bundle): Fact[] {
  const { meta } = bundle;
  const facts: [string, unknown][] = [
    ["folder", bundle.dir],
    ["model", meta.model],
    ["revision of its config", meta.model_revision],
    ["hardware", meta.hardware],
    ["device", meta.gpu ?? meta.devices?.join(", ")],
    ["variant", meta.variant],
    ["tensor-parallel degrees", bundle.tps.join(", ")],
    [meta.quantity === "estimate" ? "estimated at" : "measured at", meta.profiled_at],
    ["quantity", quantityText(meta)],
    ["engine", engineText(meta)],
    ["processor", meta.processor && processorText(meta.processor)],
    ["driver, runtime", [meta.driver, meta.runtime].filter((part) => part !== undefined).join(", ")],
    ["iterations per shot", meta.measurement_iterations],
    ["rows", rowsText(bundle)],
    ["predicted, not measured", predictedText(bundle)],
    ["time taken", durationText(meta)],
    ["failed shots", meta.failed_shots],
    ["scatter of a shot's samples", scatterText(meta)],
    ["sentinels", sentinelText(meta)],
  ];
  return facts.filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([fact, value]) => ({ fact, value: String(value) }));
}

function quantityText({ quantity, statistic }: Meta): string | undefined {
  if (quantity === undefined) return undefined;
  const words = {
    kernel: "kernel: the sum of the device's kernels",
    event: "event: the device's clock around each layer",
    wall: "wall: the host's clock around each layer",
    estimate: "estimate: a roofline, nothing was measured",
  }[quantity];
  return statistic === undefined ? words : `${words}; ${statistic} of the samples`;
}

function engineText(meta: Meta): string | undefined {
  if (meta.engine !== undefined) return `${meta.engine} ${meta.engine_version ?? ""}`.trim();
  return meta.vllm_version === undefined || meta.vllm_version === null
    ? undefined
    : `vLLM ${meta.vllm_version}`;
}

function rowsText(bundle: Bundle): string {
  const counts = [
    ...CATEGORY_ORDER.map((table) =>
      [table, bundle.tps.map((tp) => bundle.table(tp, table).length)] as const
    ),
    ["skew", bundle.tps.map((tp) => bundle.skew(tp).length)] as const,
  ];
  return counts.map(([table, rows]) => [table, rows.reduce((sum, count) => sum + count, 0)] as const)
    .filter(([, rows]) => rows > 0).map(([table, rows]) => `${table} ${formatCount(rows)}`).join(", ");
}

function scatterText({ noise: { spread_p50: half, spread_p90: most } = {} }: Meta): string | undefined {
  if (half === undefined || most === undefined) return undefined;
  return `${formatShare(half)} at the median, ${formatShare(most)} at p90 (CV)`;
}

function sentinelText({ noise = {} }: Meta): string | undefined {
  const { sentinels = 0, sentinel_drift_max: largest = 0, in_doubt: doubtful = 0, lowers_clock = 0 } = noise;
  if (sentinels === 0) return undefined;
  return [
    `${formatCount(sentinels)}, drift at most ${formatShare(largest)}`,
    ...doubtful > 0 ? [`${plural(doubtful, "shot")} in doubt, before one that drifted`] : [],
    ...lowers_clock > 0 ? [`the clock lowered by ${plural(lowers_clock, "shot")}`] : [],
  ].join("; ");
}

function predictedText(bundle: Bundle): string {
  return bundle.tps.flatMap((tp) => {
    const predicted = bundle.estimated(tp).length;
    if (predicted === 0) return [];
    const error = bundle.meta.adaptive?.per_tp[tp]?.attention?.rel_err_p90;
    const within = typeof error === "number" ? `, 90% of all within ${percent(error)}` : "";
    return [`tp ${tp}: ${plural(predicted, "row")} of attention${within}`];
  }).join("; ");
}

function durationText({ duration_s: durations = {} }: Meta): string | undefined {
  const seconds = Object.values(durations).flatMap((part) => Object.values(part))
    .reduce((sum, part) => sum + part, 0);
  return seconds === 0 ? undefined : formatDuration(seconds);
}
