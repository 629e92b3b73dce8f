/**
 * Lookups as August makes them.
 *
 * @module
 */
import { stableLayers } from "../model/layers.ts";
import { type AlphaTable, makeAlphaTable } from "./alpha.ts";
import { attentionNs, type AttentionTable, makeAttentionTable } from "./attention.ts";
import { batchNs, emptyFacts, gatherFacts } from "./batch.ts";
import { traceAttention, traceBatch } from "./explain.ts";
import { LookupError } from "./lookup_error.ts";
import { makeMoeTable, moeNs, type MoeTable } from "./moe.ts";
import { type Series, seriesByLayer, seriesNs } from "./series.ts";
import {
  type BatchKernel,
  perDegree,
  type Predictor,
  type PredictorOptions,
  type PredictorSource,
} from "./source.ts";
import type { Row } from "../bundle/tables.ts";
import type { KernelTable } from "../bundle/whole_table.ts";
import type { Category } from "../shots/shot.ts";

/**
 * Makes the predictor of August.
 *
 * @param source The bundle.
 * @param options What else is known.
 * @returns The predictor.
 */
export function augustPredictor(source: PredictorSource, options: PredictorOptions): Predictor {
  const { tps, meta } = source;
  const stable = stableLayers(options.architecture);
  const facts = emptyFacts();

  const layers = perDegree<Map<string, Series>>((tp) =>
    new Map([...seriesByLayer(rowsOf(tp, "dense")), ...seriesByLayer(rowsOf(tp, "per_sequence"))])
  );
  const attentions = perDegree<AttentionTable>((tp) =>
    makeAttentionTable(rowsOf(tp, "attention")) ?? missingTable(tp, "attention")
  );
  const alphas = perDegree<AlphaTable>((tp) => makeAlphaTable(meta.skew_fit, tp, source.skewFit(tp)));
  const moes = perDegree<MoeTable>((tp) => makeMoeTable(rowsOf(tp, "moe")) ?? missingTable(tp, "moe"));

  function rowsOf(tp: number, category: Category): readonly Row[] {
    if (tps.includes(tp)) return source.table(tp, category);
    throw new LookupError(`Cannot look up ${category} at tp ${tp}: the bundle holds tp ${tps.join(", ")}`, {
      tp,
      category,
    });
  }

  function layerNs(category: "dense" | "per_sequence", tp: number, layer: string, size: number): number {
    const from = tp !== 1 && stable.has(layer) && tps.includes(1) ? 1 : tp;
    const series = layers(from).get(layer);
    if (series === undefined) {
      throw new LookupError(
        `Cannot look up ${layer} at tp ${tp}: tp${from}/${category}.csv has no such layer`,
        { tp, category, layer },
      );
    }
    return seriesNs(series, size);
  }

  return {
    simulator: "august",
    hardware: meta.hardware ?? "",
    model: meta.model ?? "",
    dense: (tp, layer, tokens) => layerNs("dense", tp, layer, tokens),
    perSequence: (tp, layer, sequences) => layerNs("per_sequence", tp, layer, sequences),
    mtp: (tp, layer) => unknownToAugust(tp, "mtp", layer),
    linearAttention: (tp, layer) => unknownToAugust(tp, "linear_attention", layer),
    kernelAttention: (tp, { layer = "attention" }) => unknownToAugust(tp, "attention", layer),
    moe: ({ tokens, activatedExperts }) => moeNs(moes(tps[0] ?? 1), tokens, activatedExperts),
    attention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      attentionNs(attentions(tp), chunk, kvPrefill, nDecode, kvDecode),
    batch: (tp, batch, kernel) => {
      refuseKernel(tp, kernel);
      gatherFacts(facts, batch);
      return batchNs(attentions(tp), alphas(tp), facts);
    },
    explainAttention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      traceAttention(attentions(tp), chunk, kvPrefill, nDecode, kvDecode),
    explainBatch: (tp, batch, kernel) => {
      refuseKernel(tp, kernel);
      return traceBatch(attentions(tp), alphas(tp), batch);
    },
  };
}

/** August has one attention kernel, which files without a layer are of. */
function refuseKernel(tp: number, { layer = "attention" }: BatchKernel = {}): void {
  if (layer !== "attention") unknownToAugust(tp, "attention", layer);
}

function unknownToAugust(tp: number, category: KernelTable, layer: string): never {
  const what = category === "attention" ? `${layer} by prefill_key` : `${layer} of ${category}.csv`;
  throw new LookupError(`Cannot look up ${what}: only v1.2 does`, { tp, category, layer });
}

function missingTable(tp: number, category: Category): never {
  throw new LookupError(`Cannot look up ${category} at tp ${tp}: tp${tp}/${category}.csv has no rows`, {
    tp,
    category,
  });
}
