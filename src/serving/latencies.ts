/**
 * Latencies of requests in a few numbers.
 *
 * @module
 */
import { mean, quantile } from "../stats.ts";

/** How values are spread. */
export interface Spread {
  /** Their mean. */
  readonly mean: number;
  /** Their median. */
  readonly p50: number;
  /** Their 90th percentile. */
  readonly p90: number;
  /** Their 99th percentile. */
  readonly p99: number;
}

/** Latencies of requests. */
export interface LatencySummary {
  /** Time to the first token. */
  readonly ttftMs: Spread;
  /** Mean time of a token after the first, of answers of two tokens or more. */
  readonly tpotMs: Spread;
  /** Time to the last token. */
  readonly e2eMs: Spread;
}

/** The latencies of one request, in milliseconds. */
export interface Latencies {
  /** Tokens of its answer. */
  readonly outputTokens: number;
  /** Time to its first token. */
  readonly ttftMs: number;
  /** Mean time of a token after the first. */
  readonly tpotMs: number;
  /** Time to its last token. */
  readonly e2eMs: number;
}

/**
 * Sums latencies up.
 *
 * @param requests The requests.
 * @returns Means and percentiles; NaN where there is no request.
 */
export function summarize(requests: readonly Latencies[]): LatencySummary {
  return {
    ttftMs: spreadOf(requests.map(({ ttftMs }) => ttftMs)),
    tpotMs: spreadOf(requests.flatMap(({ tpotMs, outputTokens }) => outputTokens > 1 ? [tpotMs] : [])),
    e2eMs: spreadOf(requests.map(({ e2eMs }) => e2eMs)),
  };
}

/**
 * The spread of values.
 *
 * @param values The values.
 * @returns Mean and percentiles, NaN without values.
 *
 * @example
 * ```ts
 * import { spreadOf } from "./latencies.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(spreadOf([1, 2, 3, 4, 5]), { mean: 3, p50: 3, p90: 4.6, p99: 4.96 });
 * ```
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: NaN, p50: NaN, p90: NaN, p99: NaN };
  const sorted = Float64Array.from(values).sort();
  return {
    mean: mean(values),
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
  };
}

/** Many times between tokens: a histogram with bins of 1%, so that percentiles are right to 0.5%. */
export interface Intervals {
  /** Adds a time in microseconds. */
  add(us: number): void;
  /** The spread in milliseconds. */
  spread(): Spread;
}

const BIN = Math.log(1.01);

/**
 * Makes an empty histogram.
 *
 * @returns The histogram.
 */
export function intervals(): Intervals {
  const bins = new Map<number, number>();
  let [count, sum] = [0, 0];
  return {
    add(us): void {
      const bin = Math.round(Math.log(Math.max(us, 1)) / BIN);
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
      count++;
      sum += us;
    },
    spread(): Spread {
      if (count === 0) return spreadOf([]);
      const sorted = [...bins].sort(([a], [b]) => a - b);
      const at = (share: number): number => {
        let seen = 0;
        for (const [bin, times] of sorted) {
          seen += times;
          if (seen > share * (count - 1)) return Math.exp(bin * BIN) / 1000;
        }
        return NaN;
      };
      return { mean: sum / count / 1000, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
    },
  };
}
