/**
 * What a run would ask of a bundle, and how much of that was measured.
 *
 * @module
 */
import { makeAttentionTable } from "../predict/attention.ts";
import type { Category } from "../shots/shot.ts";
import { type AttentionCoverage, attentionCoverage } from "./attention_coverage.ts";
import type { CoverageNeed } from "./coverage_need.ts";
import type { Bundle, WholeBundle } from "../bundle/open.ts";

/** How a layer's table meets the need. */
export interface LayerCoverage {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The table. */
  readonly category: Exclude<Category, "attention">;
  /** Layer's name, null for the experts. */
  readonly layer: string | null;
  /** The axis: tokens, sequences or activated_experts. */
  readonly axis: string;
  /** Smallest measured value. */
  readonly lowest: number;
  /** Largest measured value. */
  readonly highest: number;
  /** Largest value that a run asks for. */
  readonly needed: number;
  /** `extrapolated` when the run asks for more than was measured. */
  readonly place: "between" | "extrapolated";
}

/** How a bundle meets a need. */
export interface Coverage {
  /** The need. */
  readonly need: CoverageNeed;
  /** The tables of layers and experts. */
  readonly layers: readonly LayerCoverage[];
  /** The attention tables. */
  readonly attention: readonly AttentionCoverage[];
}

/**
 * Says what a run would find in a bundle. Attention is probed at sizes that grow by half: at those that were
 * measured, and between them.
 *
 * @param bundle The bundle.
 * @param need How far the run's batches reach.
 * @returns The coverage.
 *
 * @example
 * ```ts
 * import { coverage } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = {
 *   dir: "", meta: {}, tps: [1], issues: [], skew: () => [], skewFit: () => [], estimated: () => [],
 *   table: (_: number, category: string) => category === "dense" ? [{ layer: "o_proj", key: [64], timeUs: 5 }] : [],
 * };
 * const { layers } = coverage(bundle, { maxNumBatchedTokens: 128, maxNumSeqs: 8, maxKv: 1024 });
 * assert.deepEqual(layers.map(({ layer, place }) => [layer, place]), [["o_proj", "extrapolated"]]);
 * ```
 */
export function coverage(bundle: Bundle, need: CoverageNeed): Coverage {
  return {
    need,
    layers: bundle.tps.flatMap((tp) => layerCoverages(bundle, tp, need)),
    attention: bundle.tps.flatMap((tp) => {
      const table = makeAttentionTable(bundle.table(tp, "attention"));
      const own = table === null ? [] : [attentionCoverage(tp, table, need, bundle.estimated(tp))];
      return [...own, ...otherKernels(bundle, tp, need)];
    }),
  };
}

/** Kernels that August does not know, and decodes of several new tokens; prefills are placed as one of each would be. */
function otherKernels(
  bundle: Bundle & Partial<Pick<WholeBundle, "kernels">>,
  tp: number,
  need: CoverageNeed,
): AttentionCoverage[] {
  return [...bundle.kernels?.(tp, "attention") ?? []].flatMap(([layer, splits]) =>
    [...splits].filter(([split]) => layer !== "attention" || split !== 1).map(([split, rows]) => {
      const placed = rows.map(({ layer, key: [chunk = 0, place = 0, n = 0, kv = 0], timeUs }) => ({
        layer,
        key: [chunk, place - chunk / 2, n, kv],
        timeUs,
      }));
      const kernel = split === 1 ? layer : `${layer} q=${split}`;
      return { ...attentionCoverage(tp, makeAttentionTable(placed)!, need, []), kernel };
    })
  );
}

function layerCoverages(bundle: Bundle, tp: number, need: CoverageNeed): LayerCoverage[] {
  const axes = [
    ["dense", "tokens", 0, need.maxNumBatchedTokens],
    ["per_sequence", "sequences", 0, need.maxNumSeqs],
    ["linear_attention", "prefill_tokens", 0, need.maxNumBatchedTokens],
    ["moe", "tokens", 0, need.maxNumBatchedTokens],
  ] as const;
  return axes.flatMap(([category, axis, at, needed]) =>
    [...Map.groupBy(bundle.table(tp, category), ({ layer }) => layer)].map(([layer, rows]) => {
      const values = rows.map(({ key }) => key[at]!);
      const highest = Math.max(...values);
      return {
        tp,
        category,
        layer,
        axis,
        lowest: Math.min(...values),
        highest,
        needed,
        place: needed > highest ? "extrapolated" : "between",
      } as const;
    })
  );
}
