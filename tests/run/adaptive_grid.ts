/** Adaptive runs of a grid whose true times are known. */
import assert from "node:assert/strict";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import type { Bundle } from "../../src/bundle/open.ts";
import { quantile } from "../../src/stats.ts";
import type { EstimatedEvent, RunEvent } from "../../src/events.ts";
import { profile } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { only } from "./tiny_run.ts";

/** A grid that is large enough to predict most of it. */
export const GRID: SettingsInput = {
  ...SMALL,
  tpDegrees: [1],
  maxNumBatchedTokens: 128,
  maxNumSeqs: 16,
  attentionMaxKv: 1024,
  attentionChunkFactor: 2,
  attentionKvFactor: 2,
};
/** A fifth of its shots is fired. */
export const FIFTH = { adaptive: { shots: 0.2 } } as const;

/** Profiles the whole grid by a roofline; its bundle is the truth that replays answer from. */
export async function recordGrid(dir: string): Promise<string> {
  await profile({ ...GRID, perfDir: `${dir}/truth`, harness: "roofline:H100" });
  return smallBundle(`${dir}/truth`);
}

/** Profiles the grid by a replay of the truth, and gives what was told. */
export async function runGrid(
  perfDir: string,
  truth: string,
  input: Partial<SettingsInput>,
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await profile({ ...GRID, perfDir, harness: `replay:${truth}`, ...input }, {
    onEvent: (event) => void events.push(event),
  });
  return events;
}

/** What a sweep ended with. */
export function estimatedOf(
  events: readonly RunEvent[],
  category: EstimatedEvent["category"],
): EstimatedEvent {
  return only(events, "estimated").find((event) => event.category === category)!;
}

/** The relative errors of the rows of attention, ascending. */
export function errorsOf(bundle: Bundle, truth: Bundle): Float64Array {
  const times = new Map(truth.table(1, "attention").map(({ key, timeUs }) => [key.join(), timeUs]));
  return Float64Array.from(
    bundle.table(1, "attention"),
    ({ key, timeUs }) => Math.abs(timeUs / times.get(key.join())! - 1),
  ).sort();
}

/** Asserts that true errors are within what is claimed of them. */
export function assertInside(errors: Float64Array, bounds: TableErrors): void {
  for (const [level, bound] of [[0.5, bounds.p50], [0.9, bounds.p90]] as const) {
    assert.ok(
      quantile(errors, level) <= bound.upper,
      `${level}: ${quantile(errors, level)} of ${bound.upper}`,
    );
  }
}
