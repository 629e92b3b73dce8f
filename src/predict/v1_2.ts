/**
 * Lookups as v1.2 makes them: attention by kernel, new tokens a decode and prefill_key; experts by the devices that
 * share them; kernels of linear attention by regime; passes of a drafter.
 *
 * @module
 */
import { stableLayers } from "../model/layers.ts";
import type { Calibration, SkewFit } from "../bundle/meta_blocks.ts";
import type { Row } from "../bundle/tables.ts";
import { kernelRows, type KernelTable } from "../bundle/whole_table.ts";
import { attentionNs, type AttentionTable, makeAttentionTable } from "./attention.ts";
import { type Batch, emptyFacts, gatherFacts } from "./batch.ts";
import {
  calibratedAlpha,
  type CalibrationTable,
  cellOf,
  type KernelAlphas,
  kernelName,
  makeCalibration,
  nearestAnchor,
} from "./calibration.ts";
import { type BatchTrace, traceAttention } from "./explain.ts";
import { noteStandIn } from "./interpolate.ts";
import { LookupError } from "./lookup_error.ts";
import { makeMoeTable, moeNs, type MoeTable } from "./moe.ts";
import { roundHalfEven } from "./nanoseconds.ts";
import { prefillKey } from "./prefill_key.ts";
import { chunkOf } from "../shots/limits.ts";
import { makeSeries, type Series, seriesNs } from "./series.ts";
import {
  type BatchKernel,
  perDegree,
  type Predictor,
  type PredictorOptions,
  type PredictorSource,
} from "./source.ts";
import { rowsWithin } from "./window.ts";

const PLAIN: Required<BatchKernel> = {
  layer: "attention",
  decodeQLen: 1,
  saturates: false,
  boundTokens: null,
};

/** Tables of one kernel, by decode_q_len or ep, ascending. */
interface Splits<T> {
  readonly values: readonly number[];
  readonly tables: readonly T[];
}

/** The regimes of linear attention; a kernel without rows in one does not run there. */
interface Regimes {
  readonly prefill: MoeTable | null;
  readonly decode: MoeTable | null;
  readonly mixed: MoeTable | null;
}

/**
 * Makes the predictor of v1.2.
 *
 * @param source The bundle.
 * @param options What else is known.
 * @returns The predictor.
 */
export function newerPredictor(source: PredictorSource, options: PredictorOptions): Predictor {
  const { tps, meta } = source;
  const { notice = () => {} } = options;
  const stable = stableLayers(options.architecture);
  const facts = emptyFacts();
  const told = new Set<string>();

  const read = (tp: number, table: KernelTable): ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>> => {
    if (!tps.includes(tp)) {
      throw new LookupError(`Cannot look up ${table} at tp ${tp}: the bundle holds tp ${tps.join(", ")}`, {
        tp,
        category: table,
      });
    }
    return kernelsOf(source, tp, table);
  };
  const seriesOf = perDegree((tp) =>
    new Map((["dense", "per_sequence", "mtp"] as const).map((table) => [
      table as string,
      new Map(Array.from(read(tp, table), ([layer, splits]) => [layer, makeSeries(splits.get(1) ?? [])])),
    ]))
  );
  const local = chunkOf({ pool: { blocks: 0, groups: meta.kv_groups ?? [] } })?.spanTokens ?? null;
  const attentions = perDegree((tp) =>
    splitsByKernel(
      read(tp, "attention"),
      (rows, layer) => makeAttentionTable(rowsWithin(layer, local, rows)),
    )
  );
  const experts = perDegree((tp) => splitsByKernel(read(tp, "moe"), makeMoeTable).get("moe"));
  const regimes = perDegree((tp) =>
    new Map(
      Array.from(read(tp, "linear_attention"), ([layer, splits]) => [layer, regimesOf(splits.get(1) ?? [])]),
    )
  );
  const calibrations = perDegree((tp) => calibrationOf(meta.skew_fit, tp, source, tell));
  const expertsTp = tps.includes(1) ? 1 : tps[0] ?? 1;

  function tell(sentence: string): void {
    if (told.has(sentence)) return;
    told.add(sentence);
    notice(sentence);
  }

  function layerNs(table: "dense" | "per_sequence" | "mtp", tp: number, layer: string, size: number): number {
    const from = tp !== 1 && stable.has(layer) && tps.includes(1) ? 1 : tp;
    const series: Series | undefined = seriesOf(from).get(table)?.get(layer);
    if (series !== undefined) return seriesNs(series, size);
    throw new LookupError(`Cannot look up ${layer} at tp ${tp}: tp${from}/${table}.csv has no such layer`, {
      tp,
      category: table,
      layer,
    });
  }

  /** The table of a kernel at the nearest split, the smaller of two equally near. */
  function nearest<T>(splits: Splits<T>, asked: number, what: string): T {
    const { values, tables } = splits;
    let best = 0;
    for (let i = 1; i < values.length; i++) {
      if (Math.abs(values[i]! - asked) < Math.abs(values[best]! - asked)) best = i;
    }
    if (values[best] !== asked) {
      noteStandIn();
      tell(`No rows for ${what} ${asked}: those for ${values[best]} answer`);
    }
    return tables[best]!;
  }

  function attentionOf(tp: number, layer: string, decodeQLen: number): AttentionTable {
    const splits = attentions(tp).get(layer);
    if (splits !== undefined) return nearest(splits, decodeQLen, `${layer} at decode_q_len`);
    throw new LookupError(`Cannot look up ${layer} at tp ${tp}: tp${tp}/attention.csv has no rows of it`, {
      tp,
      category: "attention",
      layer,
    });
  }

  function alphasOf(tp: number, { layer, decodeQLen }: Required<BatchKernel>): KernelAlphas | undefined {
    const table = calibrations(tp);
    return table.size === 0 ? undefined : table.get(kernelName(layer, decodeQLen));
  }

  return {
    simulator: "v1.2",
    hardware: meta.hardware ?? "",
    model: meta.model ?? "",
    dense: (tp, layer, tokens) => layerNs("dense", tp, layer, tokens),
    perSequence: (tp, layer, sequences) => layerNs("per_sequence", tp, layer, sequences),
    mtp: (tp, layer, tokens) => layerNs("mtp", tp, layer, tokens),
    moe({ tokens, activatedExperts, ep = 1 }): number {
      const splits = experts(expertsTp);
      if (splits === undefined) {
        throw new LookupError(`Cannot look up moe at tp ${expertsTp}: tp${expertsTp}/moe.csv has no rows`, {
          tp: expertsTp,
          category: "moe",
        });
      }
      return moeNs(nearest(splits, ep, "experts at ep"), tokens, activatedExperts);
    },
    linearAttention(tp, layer, { prefillTokens, nDecode }): number | null {
      const kernel = regimes(tp).get(layer);
      if (kernel === undefined) {
        throw new LookupError(
          `Cannot look up ${layer} at tp ${tp}: tp${tp}/linear_attention.csv has no rows of it`,
          { tp, category: "linear_attention", layer },
        );
      }
      const table = nDecode === 0 ? kernel.prefill : prefillTokens === 0 ? kernel.decode : kernel.mixed;
      return table === null ? null : moeNs(table, prefillTokens, nDecode);
    },
    attention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      attentionNs(
        attentionOf(tp, PLAIN.layer, 1),
        chunk,
        chunk === 0 ? 0 : kvPrefill + chunk / 2,
        nDecode,
        kvDecode,
      ),
    kernelAttention: (
      tp,
      { layer = PLAIN.layer, decodeQLen = 1, chunk, prefillKey: key, nDecode, kvDecode },
    ) => attentionNs(attentionOf(tp, layer, decodeQLen), chunk, key, nDecode, kvDecode),
    batch(tp, batch, kernel): number {
      const asked = kernel === undefined ? PLAIN : { ...PLAIN, ...kernel };
      const table = attentionOf(tp, asked.layer, asked.decodeQLen);
      gatherFacts(facts, batch);
      const { pc, n, kvMean, kvMax } = facts;
      const key = prefillKey(batch.prefills, asked.saturates ? asked.boundTokens : null);
      const mean = attentionNs(table, pc, key, n, kvMean);
      if (n <= 1 || kvMax === kvMean) return mean;
      const alphas = alphasOf(tp, asked);
      if (alphas === undefined) return mean;
      const max = attentionNs(table, pc, key, n, kvMax);
      const alpha = calibratedAlpha(alphas, n, pc, (max - mean) / mean);
      return alpha === 0 || (max <= mean && !asked.saturates) ? mean : blend(mean, max, alpha);
    },
    explainAttention: (tp, { chunk, kvPrefill, nDecode, kvDecode }) =>
      traceAttention(
        attentionOf(tp, PLAIN.layer, 1),
        chunk,
        chunk === 0 ? 0 : kvPrefill + chunk / 2,
        nDecode,
        kvDecode,
      ),
    explainBatch: (tp, batch, kernel) => explain(tp, batch, { ...PLAIN, ...kernel }),
  };

  function explain(tp: number, batch: Batch, kernel: Required<BatchKernel>): BatchTrace {
    const table = attentionOf(tp, kernel.layer, kernel.decodeQLen);
    const own = emptyFacts();
    gatherFacts(own, batch);
    const { pc, n, kvMean, kvMax } = own;
    const key = prefillKey(batch.prefills, kernel.saturates ? kernel.boundTokens : null);
    const mean = traceAttention(table, pc, key, n, kvMean);
    const even = { facts: own, prefillKey: key, ns: mean.ns, mean };
    if (n <= 1 || kvMax === kvMean) {
      const rule = n <= 1 ? "n<=1" : "max==mean";
      return { ...even, rule, max: null, lev: null, bucket: null, alpha: null, alphaSource: null };
    }
    const max = traceAttention(table, pc, key, n, kvMax);
    const lev = (max.ns - mean.ns) / mean.ns;
    const alphas = alphasOf(tp, kernel);
    const alpha = alphas === undefined ? 0 : calibratedAlpha(alphas, n, pc, lev);
    const place = alphas === undefined ? null : placeOf(alphas, n, pc, lev);
    const skewed: Omit<BatchTrace, "rule"> = {
      ...even,
      max,
      lev,
      alpha,
      bucket: place?.bucket ?? null,
      alphaSource: place?.source ?? "none",
    };
    if (alpha === 0) return { ...skewed, rule: "alpha==0" };
    if (max.ns <= mean.ns && !kernel.saturates) return { ...skewed, rule: "t_max<=t_mean" };
    return { ...skewed, rule: "blend", ns: blend(mean.ns, max.ns, alpha) };
  }
}

/** The name of the cell that answers, and where its alpha comes from. */
function placeOf(
  fit: KernelAlphas,
  n: number,
  pc: number,
  lev: number,
): { bucket: string; source: "bucket" | "tp_default" } {
  const { axes: { pc_labels, lev_labels }, anchors } = fit;
  const cell = cellOf(fit.axes, pc, lev);
  const labels = `${pc_labels[Math.trunc(cell / lev_labels.length)]}|${lev_labels[cell % lev_labels.length]}`;
  const own = anchors[cell]!;
  if (own.length === 0 || n < fit.least || n > fit.most) return { bucket: labels, source: "tp_default" };
  return { bucket: `${labels}|n=${own[nearestAnchor(own, n)]}`, source: "bucket" };
}

function blend(mean: number, max: number, alpha: number): number {
  return Math.max(1, roundHalfEven(mean + alpha * (max - mean)));
}

function kernelsOf(
  source: PredictorSource,
  tp: number,
  table: KernelTable,
): ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>> {
  if (source.kernels !== undefined) return source.kernels(tp, table);
  if (table === "mtp") return new Map();
  return kernelRows(table, { rows: source.table(tp, table), others: [], repeated: [], issues: [] });
}

function splitsByKernel<T>(
  kernels: ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>>,
  make: (rows: readonly Row[], layer: string) => T | null,
): Map<string, Splits<T>> {
  return new Map(Array.from(kernels, ([layer, splits]) => {
    const values = [...splits.keys()].sort((a, b) => a - b);
    return [layer, { values, tables: values.map((value) => make(splits.get(value)!, layer)!) }];
  }));
}

function regimesOf(rows: readonly Row[]): Regimes {
  const of = (prefill: boolean, decode: boolean): MoeTable | null =>
    makeMoeTable(rows.filter(({ key: [tokens = 0, n = 0] }) => tokens > 0 === prefill && n > 0 === decode));
  return { prefill: of(true, false), decode: of(false, true), mixed: of(true, true) };
}

/** A fit of August has no place in v1.2, which refuses a bundle whose fit of that form is enabled. */
function calibrationOf(
  fit: SkewFit | undefined,
  tp: number,
  source: PredictorSource,
  tell: (sentence: string) => void,
): CalibrationTable {
  if (!fit?.enabled) return new Map();
  const entry = fit.per_tp?.[tp];
  if (entry?.["schema"] === undefined) {
    tell(
      "v1.2 refuses this bundle: skew_fit is enabled in the form of August. Alphas count as 0; " +
        "`shotlab fit --simulator v1.2` writes the form that it reads",
    );
    return new Map();
  }
  if (!("axes" in entry && "alpha_default_by_kernel" in entry && "n_range_by_kernel" in entry)) {
    tell("v1.2 refuses this bundle: its fit lacks axes, defaults or ranges. Alphas count as 0");
    return new Map();
  }
  return makeCalibration(entry as unknown as Calibration, source.skewCells?.(tp) ?? []);
}
