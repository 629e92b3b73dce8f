/**
 * Figure: what requests wait for over the rate at which they come.
 *
 * @module
 */
import { heldOutError, type JudgedSteps } from "../../serving/judge_steps.ts";
import type { DeploymentPoint } from "../../serving/plan_deployment.ts";
import { decadeTicks, extent } from "../axes.ts";
import { bandOf } from "../band.ts";
import type { PointErrors } from "../figure_csv.ts";
import { type Figure, shownFigure, type Trace } from "../figure.ts";
import { heldOutText, significant } from "../text.ts";
import { axis, layoutOf, lineOf, lookOf } from "../theme.ts";

/** What the figure shows. */
export interface LatencyOverRate {
  /** The server in words, such as `Llama-3.1-8B on H100, tp 1`. */
  readonly server: string;
  /** What the latencies rest on, in words. */
  readonly basis: string;
  /** Rates, ascending, and the latencies at them; at least one. */
  readonly points: readonly Pick<DeploymentPoint, "ratePerS" | "latencies">[];
  /** How far off the steps were on loads that no term was learned from, as `stepModel` says. @default none */
  readonly heldOut?: readonly JudgedSteps[];
}

/**
 * Draws the times to the first token and between tokens, at the median and the 99th percentile, over the rate; where
 * steps were judged on held-out loads, with a band of their error.
 *
 * @param input What it shows.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { latencyOverRate } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const ms = (p50: number) => ({ mean: p50, p50, p90: 2 * p50, p99: 3 * p50 });
 * const latencies = { ttftMs: ms(40), tpotMs: ms(9), e2eMs: ms(900) };
 * const points = [{ ratePerS: 1, latencies }, { ratePerS: 2, latencies }];
 * const { data } = latencyOverRate({ server: "one H100", basis: "measured rows", points });
 * assert.ok(data.length >= 4);
 * ```
 */
export function latencyOverRate({ server, basis, points, heldOut = [] }: LatencyOverRate): Figure {
  const error = heldOutError(heldOut);
  const x = points.map(({ ratePerS }) => ratePerS);
  const curves = ([["TTFT", "ttftMs"], ["TPOT", "tpotMs"]] as const).flatMap(([name, key]) =>
    (["p50", "p99"] as const).map((of) => ({
      name: `${name} ${of}`,
      ms: points.map(({ latencies }) => latencies[key][of]),
    }))
  );
  const all = curves.flatMap(({ ms }) => ms.flatMap((value) => [value, value * (1 + (error ?? 0))]));
  const [low, high] = extent(all);
  const last = points.at(-1)!;
  return shownFigure({
    data: curves.flatMap(({ name, ms }, index): Trace[] => {
      const shares = points.map(() => error);
      const { color } = lookOf(index);
      return [...error === null ? [] : [bandOf({ x, y: ms, shares, color })], {
        type: "scatter",
        mode: "lines+markers",
        name,
        x,
        y: ms,
        ...error !== null && { meta: { errors: shares } satisfies PointErrors },
        hovertemplate: "%{x:.3~g} requests/s: %{y:.3~g} ms",
        ...lineOf(lookOf(index)),
      }];
    }),
    layout: layoutOf({
      title: `At ${significant(last.ratePerS)} requests/s a first token takes ${
        significant(last.latencies.ttftMs.p99)
      } ms, the next ${significant(last.latencies.tpotMs.p99)} ms (p99)`,
      subtitle: `${server}; simulated, ${basis}; ${heldOutText(error, "band")}`,
      xaxis: axis("requests/s", { rangemode: "tozero" }),
      yaxis: axis("time (ms)", {
        type: "log",
        range: [Math.log10(low / 1.25), Math.log10(high * 1.25)],
        ...decadeTicks(all),
      }),
    }),
  });
}
