/**
 * The events of a run in words.
 *
 * @module
 */
import type { FailedShot, RunEvent } from "../run/events.ts";
import { CATEGORIES } from "../sweep/shot.ts";
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
    case "connected":
      return `${event.info.engine} ${event.info.engine_version} on ${event.info.device}`;
    case "booting":
      return `tp ${event.tp}: booting the engine`;
    case "booted":
      return `tp ${event.tp}: booted in ${formatDuration(event.seconds)}`;
    default:
      return null;
  }
}

/**
 * A shot as its row's key reads.
 *
 * @param shot The shot.
 * @returns Such as `dense tp 1 (tokens 16)`.
 */
export function shotName({ category, tp, key }: Pick<FailedShot, "category" | "tp" | "key">): string {
  const fields = CATEGORIES[category].columns.map((column, i) => `${column} ${key[i]}`);
  return `${category} tp ${tp} (${fields.join(", ")})`;
}
