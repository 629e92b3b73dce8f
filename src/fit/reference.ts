/**
 * The reference profiler's fit: least squares in every bucket by itself.
 *
 * @module
 */
import type { PlacedCases } from "./cases.ts";
import type { UniformTimes } from "./uniform_times.ts";
import type { Fitter } from "./model.ts";

/**
 * Fits each bucket's alpha: sum(dtm * dts) / sum(dtm ** 2), where dtm = t_max - t_mean and dts = t_skew - t_mean;
 * 0 when the denominator is 0. The fallback is the same over all cases.
 *
 * @param cases The cases.
 * @param ends Their times in microseconds.
 * @returns The fitter.
 */
export function referenceFitter(cases: PlacedCases, ends: UniformTimes): Fitter {
  const { pc, bucket, numbering: { count } } = cases;
  return (selected) => {
    const sums = new Map<number, { num: number; den: number }>();
    const total = { num: 0, den: 0 };
    for (let i = 0; i < pc.length; i++) {
      if (!selected(i)) continue;
      const dtm = ends.max[i]! - ends.mean[i]!;
      const dts = ends.skew[i]! - ends.mean[i]!;
      const key = pc[i]! * count + bucket[i]!;
      let own = sums.get(key);
      if (own === undefined) sums.set(key, own = { num: 0, den: 0 });
      own.num += dtm * dts;
      own.den += dtm * dtm;
      total.num += dtm * dts;
      total.den += dtm * dtm;
    }
    const alphas = new Map(Array.from(sums, ([key, own]) => [key, ratio(own)]));
    return { alphaAt: (pc, bucket) => alphas.get(pc * count + bucket), fallback: ratio(total) };
  };
}

function ratio({ num, den }: { num: number; den: number }): number {
  return den === 0 ? 0 : num / den;
}
