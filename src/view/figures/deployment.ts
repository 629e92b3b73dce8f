/**
 * Figure: what candidates of a deployment give a user and a device.
 *
 * @module
 */
import type { Deployment } from "../../serving/plan_deployment.ts";
import { type Figure, shownFigure } from "../figure.ts";
import type { PointErrors } from "../figure_csv.ts";
import { plural } from "../../count_text.ts";
import { heldOutText, significant } from "../text.ts";
import { axis, layoutOf, lineOf, lookOf } from "../theme.ts";

/** What the figure shows. */
export interface DeploymentFigure {
  /** `<org>/<name>`. */
  readonly model: string;
  /** The targets and the load, in words. */
  readonly targets: string;
  /** The candidates. */
  readonly deployments: readonly Deployment[];
}

/**
 * Draws tokens a second and device over tokens a second that a user sees, at rising rates up to the largest that keeps
 * the targets. Candidates that rest on estimates are dashed; those whose steps were measured have error bars.
 *
 * @param input What it shows; at least one candidate serves.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { deploymentFigure } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const ms = (p50: number) => ({ mean: p50, p50, p90: 2 * p50, p99: 3 * p50 });
 * const latencies = { ttftMs: ms(40), tpotMs: ms(9), e2eMs: ms(900) };
 * const point = { ratePerS: 1, latencies, tokensPerSPerGpu: 400, tokensPerSPerUser: 100 };
 * const h100 = {
 *   name: "H100", gpus: 1, problem: null, estimates: [], stepError: 0.03, maxRatePerS: 1, points: [point],
 *   gpusNeeded: null, pricePerMillionTokens: null, pricePerHour: null, onFront: true,
 * };
 * const { data } = deploymentFigure({ model: "a/b", targets: "TTFT 500 ms, TPOT 25 ms", deployments: [h100] });
 * assert.deepEqual(data[0]!.y, [400]);
 * ```
 */
export function deploymentFigure({ model, targets, deployments }: DeploymentFigure): Figure {
  const serving = deployments.filter(({ problem }) => problem === null);
  const best = serving[0]!;
  const most = best.points.at(-1)!;
  const errors = serving.flatMap(({ stepError }) => stepError ?? []);
  return shownFigure({
    data: serving.map((one, index) => {
      const look = lineOf(lookOf(index));
      const estimated = one.estimates.length > 0;
      return {
        type: "scatter",
        mode: "lines+markers",
        name: estimated ? `${one.name} (estimate)` : one.name,
        x: one.points.map(({ tokensPerSPerUser }) => tokensPerSPerUser),
        y: one.points.map(({ tokensPerSPerGpu }) => tokensPerSPerGpu),
        customdata: one.points.map(({ ratePerS, latencies }) =>
          `${significant(ratePerS)} requests/s, TTFT p99 ${significant(latencies.ttftMs.p99)} ms`
        ),
        hovertemplate: "%{x:.3~g} tokens/s a user, %{y:.4~g} a GPU: %{customdata}",
        ...one.stepError !== null && {
          meta: { errors: one.points.map(() => one.stepError) } satisfies PointErrors,
          error_x: {
            type: "percent",
            value: 100 * one.stepError,
            color: lookOf(index).color,
            thickness: 1.2,
            width: 4,
          },
        },
        ...look,
        line: { ...look.line as object, ...estimated && { dash: "dash" } },
      };
    }),
    layout: layoutOf({
      title: `${best.name}: ${significant(most.ratePerS)} requests/s within the targets, ${
        best.gpusNeeded === null
          ? `${significant(most.tokensPerSPerGpu)} tokens/s a GPU`
          : `${plural(best.gpusNeeded, "GPU")} for the load`
      }${best.estimates.length > 0 ? " (estimate)" : ""}`,
      subtitle: `${model.split("/").at(-1)}, ${targets}; simulated; ${
        [
          ...serving.some(({ estimates }) => estimates.length > 0) ? ["dashed: rests on estimates"] : [],
          heldOutText(errors.length === 0 ? null : Math.max(...errors), "error bars"),
        ].join("; ")
      }`,
      xaxis: axis("tokens/s that a user sees", { rangemode: "tozero", tickformat: "," }),
      yaxis: axis("tokens/s a GPU", { rangemode: "tozero", tickformat: "," }),
    }),
  });
}
