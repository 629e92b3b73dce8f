/**
 * How slow a host is at a step, by what recording an event takes it.
 *
 * @module
 */
import { mean, median } from "../stats.ts";
import type { ServedStep } from "./served.ts";

/** Steps on either side of one that tell with it how slow the host is. */
const BESIDE = 8;

/**
 * What recording an event takes the host at each step: the median of its neighbours.
 *
 * @param steps The steps of one part.
 * @returns Microseconds, null where no neighbour was probed.
 */
export function probesOf(steps: readonly ServedStep[]): (number | null)[] {
  return steps.map((_, at) => {
    const near = steps.slice(Math.max(0, at - BESIDE), at + BESIDE + 1).flatMap(({ probeUs }) =>
      probeUs ?? []
    );
    return near.length === 0 ? null : median(near);
  });
}

/**
 * How slow the host is by a probe.
 *
 * @param probeUs What recording an event takes it.
 * @param usualUs What it takes it usually.
 * @returns The share of the usual time, 1 where either is not known.
 */
export function paceOf(probeUs: number | null, usualUs: number | null): number {
  return probeUs === null || usualUs === null ? 1 : probeUs / usualUs;
}

/**
 * How slow the host was over steps, by their probes.
 *
 * @param steps The steps of one part.
 * @param terms Whose `probeUs` is usual, as the terms of steps have it.
 * @returns The mean share of its usual time, 1 where either is not known.
 */
export function hostPaceOf(
  steps: readonly ServedStep[],
  { probeUs }: { readonly probeUs: number | null },
): number {
  const paces = probesOf(steps).map((us) => paceOf(us, probeUs));
  return paces.length === 0 ? 1 : mean(paces);
}
