/**
 * Times from a bundle, to the nanosecond as a simulator reads them from it.
 *
 * @module
 */
import type { Meta } from "../bundle/meta.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import type { Row } from "../bundle/tables.ts";
import type { Architecture } from "../model/model.ts";
import type { Category } from "../shots/shot.ts";
import { type AlphaTable, makeAlphaTable } from "./alpha.ts";
import { attentionNs, type AttentionTable, makeAttentionTable } from "./attention.ts";
import { type Batch, batchNs, emptyFacts, gatherFacts } from "./batch.ts";
import { type AttentionTrace, type BatchTrace, traceAttention, traceBatch } from "./explain.ts";
import { LookupError } from "./lookup_error.ts";
import { makeMoeTable, moeNs, type MoeTable } from "./moe.ts";
import { type Series, seriesByLayer, seriesNs } from "./series.ts";

/** What a predictor reads of a bundle. */
export interface PredictorSource {
  /** Tensor-parallel degrees, ascending. */
  readonly tps: readonly number[];
  /** The bundle's meta.yaml; its skew_fit block says how alphas are looked up. */
  readonly meta: Pick<Meta, "skew_fit" | "hardware">;
  /** The rows of a category's table, none where there is no file. */
  table(tp: number, category: Category): readonly Row[];
  /** The rows of skew_fit.csv, none where there is no file. */
  skewFit(tp: number): readonly SkewFitRow[];
}

/** What a predictor may be told beside the bundle. */
export interface PredictorOptions {
  /** The model's architecture: its tp_stable layers are read from tp1, as a simulator does. */
  readonly architecture?: Pick<Architecture, "catalog">;
}

/** One prefill beside decodes of one history. */
export interface AttentionQuery {
  /** New tokens of the prefill, 0 for none. */
  readonly chunk: number;
  /** History of the prefill in tokens. */
  readonly kvPrefill: number;
  /** Decoding requests. */
  readonly nDecode: number;
  /** History of each of them in tokens. */
  readonly kvDecode: number;
}

/** Looks times up in a bundle. Times are whole nanoseconds, tokens, sequences and experts are counts. */
export interface Predictor {
  /** Name of the hardware, empty when the bundle does not say. */
  readonly hardware: string;
  /** The time of a dense layer over `tokens` new tokens, in nanoseconds. */
  dense(tp: number, layer: string, tokens: number): number;
  /** The time of a per_sequence layer over `sequences` requests, in nanoseconds. */
  perSequence(tp: number, layer: string, sequences: number): number;
  /** The time of a mixture-of-experts block, in nanoseconds. */
  moe(query: { readonly tokens: number; readonly activatedExperts: number }): number;
  /** The time of attention over one prefill and `nDecode` decodes of one history, in nanoseconds. */
  attention(tp: number, query: AttentionQuery): number;
  /** The time of attention over a batch of any histories, in nanoseconds. */
  batch(tp: number, batch: Batch): number;
  /** How `attention` comes to its answer. */
  explainAttention(tp: number, query: AttentionQuery): AttentionTrace;
  /** How `batch` comes to its answer. */
  explainBatch(tp: number, batch: Batch): BatchTrace;
}

/**
 * Makes a predictor of a bundle. Tables are arranged when they are first asked for; a lookup makes no objects.
 *
 * @param source The bundle.
 * @param options What else is known.
 * @returns The predictor; its functions throw a {@linkcode LookupError} for what the bundle does not hold.
 *
 * @example
 * ```ts
 * import { predictor } from "./predictor.ts";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "qkv_proj", key: [16], timeUs: 10 }, { layer: "qkv_proj", key: [32], timeUs: 14 }];
 * const { dense } = predictor({ tps: [1], meta: {}, table: () => rows, skewFit: () => [] });
 * assert.equal(dense(1, "qkv_proj", 24), 12_000);
 * ```
 */
export function predictor(source: PredictorSource, options: PredictorOptions = {}): Predictor {
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
        {
          tp,
          category,
          layer,
        },
      );
    }
    return seriesNs(series, size);
  }

  return {
    hardware: meta.hardware ?? "",
    dense: (tp, layer, tokens) => layerNs("dense", tp, layer, tokens),
    perSequence: (tp, layer, sequences) => layerNs("per_sequence", tp, layer, sequences),
    moe: ({ tokens, activatedExperts }) => moeNs(moes(tps[0] ?? 1), tokens, activatedExperts),
    attention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      attentionNs(attentions(tp), chunk, kvPrefill, nDecode, kvDecode),
    batch: (tp, batch) => {
      gatherFacts(facts, batch);
      return batchNs(attentions(tp), alphas(tp), facts);
    },
    explainAttention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      traceAttention(attentions(tp), chunk, kvPrefill, nDecode, kvDecode),
    explainBatch: (tp, batch) => traceBatch(attentions(tp), alphas(tp), batch),
  };
}

function perDegree<T>(make: (tp: number) => T): (tp: number) => T {
  const made = new Map<number, T>();
  return (tp) => {
    let value = made.get(tp);
    if (value === undefined) made.set(tp, value = make(tp));
    return value;
  };
}

function stableLayers(architecture: PredictorOptions["architecture"]): ReadonlySet<string> {
  const groups = Object.values(architecture?.catalog ?? {});
  return new Set(
    groups.flatMap((group) => Object.entries(group)).filter(([, entry]) => entry.tp_stable).map(([name]) =>
      name
    ),
  );
}

function missingTable(tp: number, category: Category): never {
  throw new LookupError(`Cannot look up ${category} at tp ${tp}: tp${tp}/${category}.csv has no rows`, {
    tp,
    category,
  });
}
