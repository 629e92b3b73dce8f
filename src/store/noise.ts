/**
 * How noisy the measurements of a bundle are.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";
import type { Noise } from "../bundle/meta.ts";
import { quantile } from "../stats.ts";
import type { Outcomes } from "./outcomes.ts";

const DECIMALS = 5;

/**
 * The noise figures of what was measured.
 *
 * @param outcomes What shots and sentinels gave.
 * @returns The figures; null when no row has two samples and no sentinel was fired.
 */
export function noiseOf({ rows, sentinels, doubts, measured }: Outcomes): Noise | null {
  const spreads = [...rows.values()].flatMap((tables) => [...tables.values()])
    .flatMap((table) => [...table.values()])
    .flatMap(({ spread }) => spread ?? []);
  if (spreads.length === 0 && sentinels.length === 0) return null;
  const spread = Float64Array.from(spreads).sort();
  const drift = Float64Array.from(sentinels, Math.abs).sort();
  return {
    ...spread.length > 0 &&
      { spread_p50: share(quantile(spread, 0.5)), spread_p90: share(quantile(spread, 0.9)) },
    sentinels: sentinels.length,
    ...drift.length > 0 &&
      { sentinel_drift_p50: share(quantile(drift, 0.5)), sentinel_drift_max: share(drift.at(-1)!) },
    measured_again: share(doubts.again / Math.max(1, measured - doubts.again)),
    in_doubt: doubts.standing,
  };
}

function share(value: number): number {
  return roundDecimals(value, DECIMALS);
}
