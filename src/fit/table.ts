/**
 * The rows of skew_fit.csv.
 *
 * @module
 */
import { compareTexts } from "../compare.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import { bucketLabels, type BucketNumbering } from "../predict/bucket.ts";
import type { PlacedCases } from "./cases.ts";
import type { AlphaModel, Selection } from "./model.ts";
import type { PcEntry } from "./prefill_grid.ts";
import { roundAlpha } from "./round_alpha.ts";

/**
 * Rounds alphas as the table holds them.
 *
 * @param model The alphas.
 * @returns The rounded alphas.
 */
export function roundedModel(model: AlphaModel): AlphaModel {
  return {
    alphaAt: (pc, bucket) => {
      const alpha = model.alphaAt(pc, bucket);
      return alpha === undefined ? undefined : roundAlpha(alpha);
    },
    fallback: roundAlpha(model.fallback),
  };
}

/**
 * Makes the table of a fit.
 *
 * @param model The rounded alphas.
 * @param cases The cases that were fitted.
 * @param selected The cases that counted.
 * @param pcs Which pc have rows; for each, the buckets that any counted case falls into and the model knows.
 * @returns The rows, sorted by pc, then by the label texts in code-point order.
 */
export function fitTable(
  model: AlphaModel,
  cases: PlacedCases,
  selected: Selection,
  pcs: readonly PcEntry[],
): SkewFitRow[] {
  const { numbering } = cases;
  const samples = countSamples(cases, selected);
  const buckets = sortedBuckets(new Set(cases.bucket.filter((_, i) => selected(i))), numbering);
  return pcs.flatMap(({ pc, nBins }) =>
    buckets.flatMap(({ bucket, nBin, labels }) => {
      const alpha = nBins === null || nBins.has(nBin) ? model.alphaAt(pc, bucket) : undefined;
      if (alpha === undefined) return [];
      return [{ pc, ...labels, alpha, n_samples: samples.get(pc * numbering.count + bucket) ?? 0 }];
    })
  );
}

function countSamples({ pc, bucket, numbering }: PlacedCases, selected: Selection): Map<number, number> {
  const samples = new Map<number, number>();
  for (let i = 0; i < pc.length; i++) {
    if (!selected(i)) continue;
    const key = pc[i]! * numbering.count + bucket[i]!;
    samples.set(key, (samples.get(key) ?? 0) + 1);
  }
  return samples;
}

interface LabelledBucket {
  readonly bucket: number;
  readonly nBin: number;
  readonly labels: ReturnType<typeof bucketLabels>;
}

function sortedBuckets(buckets: ReadonlySet<number>, numbering: BucketNumbering): LabelledBucket[] {
  const perN = numbering.count / numbering.axes.n_labels.length;
  return Array.from(buckets, (bucket) => ({
    bucket,
    nBin: Math.trunc(bucket / perN),
    labels: bucketLabels(numbering, bucket),
  })).sort(({ labels: a }, { labels: b }) =>
    compareTexts(a.n_label, b.n_label) || compareTexts(a.skew_rate_label, b.skew_rate_label) ||
    compareTexts(a.kv_big_label, b.kv_big_label) || compareTexts(a.kp_label, b.kp_label)
  );
}
