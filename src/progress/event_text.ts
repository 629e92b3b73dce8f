/**
 * The events of a run in words.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import { percentages } from "../fit/report.ts";
import { percent } from "../stats.ts";
import type { EstimatedEvent, FailedShot, FittedEvent, RunEvent, SentinelEvent } from "../events.ts";
import { keyColumns } from "../shots/shot.ts";
import { formatDuration } from "./duration.ts";

/**
 * What somebody must know even when they asked for silence.
 *
 * @param event The event.
 * @returns The sentence, or null when the event is no warning.
 */
export function warningOf(event: RunEvent): string | null {
  if (event.type === "notice") return `Note: ${event.message}`;
  if (event.type === "failed-shot") return `Failed: ${shotName(event)}: ${event.message} (${event.kind})`;
  return null;
}

/**
 * What the run is at.
 *
 * @param event The event.
 * @returns The sentence, or null when counts tell it.
 */
export function newsOf(event: RunEvent): string | null {
  switch (event.type) {
    case "starting":
      return `starting the harness ${event.harness}`;
    case "connected":
      return `${event.info.engine} ${event.info.engine_version} on ${event.info.device}`;
    case "booting":
      return `${engineName(event)}: booting the engine`;
    case "booted":
      return `${engineName(event)}: booted in ${formatDuration(event.seconds)}`;
    case "complete":
      return `tp ${event.tp}: complete already, ${plural(event.shots, "shot")} planned; no engine is booted`;
    case "estimated":
      return estimatedInWords(event);
    case "fitted":
      return fitInWords(event);
    case "sentinel":
      return event.moved ? `tp ${event.tp}: device drift detected (${moved(event)})` : null;
    case "measuring-again":
      return `tp ${event.tp} ${event.category}: ${
        plural(event.shots, "shot is", "shots are")
      } measured again`;
    default:
      return null;
  }
}

function engineName({ tp, ep }: { readonly tp: number; readonly ep?: number }): string {
  return ep === undefined ? `tp ${tp}` : `tp ${tp}, experts of one of ${plural(ep, "device")}`;
}

function moved({ drift, clockMhz }: SentinelEvent): string {
  const sentinel = `sentinel ${drift < 0 ? "" : "+"}${percent(drift)}`;
  return clockMhz === null ? sentinel : `${sentinel}, clock ${clockMhz} MHz`;
}

function estimatedInWords(
  { category, tp, measured, estimated, errors, scatter, prior }: EstimatedEvent,
): string {
  const { estimate, upper } = errors.p90;
  const bound = Number.isFinite(upper) ? `, with 95% confidence ${percent(upper)}` : "";
  const noise = scatter === null ? "" : ` (samples of a shot scatter by ${percent(scatter.p90)})`;
  const leaning = prior === null
    ? ""
    : `; the prior took this from ${percent(prior.without)} to ${percent(prior.with)}`;
  return `tp ${tp} ${category}: ${plural(measured, "row")} measured, ${formatCount(estimated)} predicted` +
    (estimated === 0 ? "" : `; 90% of all within ${percent(estimate)}${bound}${noise}${leaning}`);
}

function fitInWords({ method, report }: FittedEvent): string {
  const degrees = [...report].map(([tp, { cases, in_sample, out_of_sample }]) => {
    const [which, errors] = out_of_sample === undefined
      ? ["fitted", in_sample.all]
      : ["unseen", out_of_sample.k_fold.all];
    return `tp ${tp}: ${plural(cases, "case")}, ${
      percentages(errors)
    }% off (half, 90%, 99% of ${which} cases)`;
  });
  return [`alphas fitted by ${method}`, ...degrees].join("; ");
}

/** A shot as its row's key reads, such as `dense tp 1 (tokens 16)`. */
function shotName({ category, tp, key }: Pick<FailedShot, "category" | "tp" | "key">): string {
  const fields = keyColumns(category, key).map((column, i) => `${column} ${key[i]}`);
  return `${category} tp ${tp} (${fields.join(", ")})`;
}
