/**
 * Two bundles, table by table: how many times as long the second takes.
 *
 * @module
 */
import { quantile } from "../stats.ts";
import { CATEGORY_ORDER } from "../shots/shot.ts";
import type { Meta } from "../bundle/meta.ts";
import type { Bundle, WholeBundle } from "../bundle/open.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import type { KernelTable } from "../bundle/whole_table.ts";

/** A shot that both bundles have. */
export interface RatioRow {
  /** Layer's name, null in tables of one layer. */
  readonly layer: string | null;
  /** The key's values: tokens, requests or experts. */
  readonly key: readonly number[];
  /** Time in the first bundle, in microseconds. */
  readonly aUs: number;
  /** Time in the second bundle, in microseconds. */
  readonly bUs: number;
  /** `bUs / aUs`: below 1 the second is faster. */
  readonly ratio: number;
}

/** One layer of a table in both bundles. */
export interface TableDiff {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The table. */
  readonly table: KernelTable | "skew";
  /**
   * Layer's name, null in tables of one layer; of rows that August has no place for also the new tokens of a decode
   * (`attention q=4`) or the devices that share the experts (`moe ep=2`).
   */
  readonly layer: string | null;
  /** Shots that both have. */
  readonly common: number;
  /** Shots that only the first has. */
  readonly onlyA: number;
  /** Shots that only the second has. */
  readonly onlyB: number;
  /** Ratios, second to first: the smallest, the 10%, 50% and 90% quantiles and the largest; null without common shots. */
  readonly ratio: {
    /** Smallest. */
    readonly min: number;
    /** 10% quantile. */
    readonly p10: number;
    /** Median. */
    readonly p50: number;
    /** 90% quantile. */
    readonly p90: number;
    /** Largest. */
    readonly max: number;
  } | null;
}

/** A fact of meta.yaml that differs. */
export interface MetaDiff {
  /** The key. */
  readonly key: string;
  /** Its value in the first bundle as JSON, null when absent. */
  readonly a: string | null;
  /** Its value in the second bundle as JSON, null when absent. */
  readonly b: string | null;
}

/** What differs between two bundles. */
export interface BundleDiff {
  /** Folder of the first bundle. */
  readonly a: string;
  /** Folder of the second bundle. */
  readonly b: string;
  /** Degrees that both have, ascending. */
  readonly tps: readonly number[];
  /** Degrees that only one has. */
  readonly otherTps: readonly number[];
  /** Facts that differ. */
  readonly meta: readonly MetaDiff[];
  /** The tables of the common degrees. */
  readonly tables: readonly TableDiff[];
}

/** Tables that v1.2 reads more of than August. */
const NEWER_TABLES: readonly KernelTable[] = ["attention", "moe", "mtp"];

/** Facts that say what was measured, with what. */
const FACTS = [
  "hardware",
  "gpu",
  "model",
  "variant",
  "architecture",
  "quantity",
  "harness",
  "engine",
  "engine_version",
  "vllm_version",
  "cuda_version",
  "driver",
  "processor",
  "attention_grid",
  "dense_step",
  "measurement_iterations",
] as const satisfies readonly (keyof Meta)[];

/**
 * Compares two bundles.
 *
 * @param a The first bundle.
 * @param b The second bundle.
 * @returns Ratios per table and layer, and facts that differ.
 *
 * @example
 * ```ts
 * import { diffBundles } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = (dir: string, timeUs: number) => ({
 *   dir, meta: { hardware: dir }, tps: [1], issues: [], skew: () => [], skewFit: () => [], estimated: () => [],
 *   table: () => [{ layer: "o_proj", key: [16], timeUs }],
 * });
 * const { meta, tables } = diffBundles(bundle("H100", 10), bundle("H200", 8));
 * assert.deepEqual(meta, [{ key: "hardware", a: '"H100"', b: '"H200"' }]);
 * assert.equal(tables[0]?.ratio?.p50, 0.8);
 * ```
 */
export function diffBundles(a: Bundle, b: Bundle): BundleDiff {
  const tps = a.tps.filter((tp) => b.tps.includes(tp));
  return {
    a: a.dir,
    b: b.dir,
    tps,
    otherTps: [...a.tps, ...b.tps].filter((tp) => !tps.includes(tp)).sort((x, y) => x - y),
    meta: FACTS.flatMap((key) => {
      const [inA, inB] = [JSON.stringify(a.meta[key]) ?? null, JSON.stringify(b.meta[key]) ?? null];
      return inA === inB ? [] : [{ key, a: inA, b: inB }];
    }),
    tables: tps.flatMap((tp) => [
      ...CATEGORY_ORDER.flatMap((table) => tableDiffs(tp, table, a.table(tp, table), b.table(tp, table))),
      ...NEWER_TABLES.flatMap((table) =>
        tableDiffs(tp, table, newerRows(a, tp, table), newerRows(b, tp, table))
      ),
      ...tableDiffs(tp, "skew", skewRows(a.skew(tp)), skewRows(b.skew(tp))),
    ]),
  };
}

/**
 * The shots that two tables have in common.
 *
 * @param a Rows of the first.
 * @param b Rows of the second, of the same category.
 * @returns The shots in the order of the first.
 *
 * @example
 * ```ts
 * import { ratioRows } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const rows = (timeUs: number) => [{ layer: "o_proj", key: [16], timeUs }];
 * assert.deepEqual(ratioRows(rows(10), rows(8)), [{ layer: "o_proj", key: [16], aUs: 10, bUs: 8, ratio: 0.8 }]);
 * ```
 */
export function ratioRows(a: readonly Row[], b: readonly Row[]): RatioRow[] {
  const times = new Map(b.map((row) => [textOf(row), row.timeUs]));
  return a.flatMap((row) => {
    const bUs = times.get(textOf(row));
    const { layer, key, timeUs: aUs } = row;
    return bUs === undefined ? [] : [{ layer, key, aUs, bUs, ratio: bUs / aUs }];
  });
}

function tableDiffs(
  tp: number,
  table: TableDiff["table"],
  a: readonly Row[],
  b: readonly Row[],
): TableDiff[] {
  const [inA, inB] = [Map.groupBy(a, ({ layer }) => layer), Map.groupBy(b, ({ layer }) => layer)];
  return [...new Set([...inA.keys(), ...inB.keys()])].map((layer) => {
    const [rowsA, rowsB] = [inA.get(layer) ?? [], inB.get(layer) ?? []];
    const ratios = Float64Array.from(ratioRows(rowsA, rowsB), ({ ratio }) => ratio).sort();
    return {
      tp,
      table,
      layer,
      common: ratios.length,
      onlyA: rowsA.length - ratios.length,
      onlyB: rowsB.length - ratios.length,
      ratio: ratios.length === 0 ? null : {
        min: ratios[0]!,
        p10: quantile(ratios, 0.1),
        p50: quantile(ratios, 0.5),
        p90: quantile(ratios, 0.9),
        max: ratios.at(-1)!,
      },
    };
  });
}

/** The rows that August has no place for, their layers told apart; keys are as v1.2 places them. */
function newerRows(
  bundle: Bundle & Partial<Pick<WholeBundle, "kernels">>,
  tp: number,
  table: KernelTable,
): Row[] {
  const unit = { attention: "q", moe: "ep" }[table as string];
  return [...bundle.kernels?.(tp, table) ?? []].flatMap(([layer, splits]) =>
    [...splits].flatMap(([split, rows]) => {
      const inAugust = split === 1 && (table === "moe" || (table === "attention" && layer === "attention"));
      const name = split === 1 ? layer : `${layer} ${unit}=${split}`;
      return inAugust ? [] : rows.map(({ key, timeUs }) => ({ layer: name, key, timeUs }));
    })
  );
}

/** Skew cases as rows of one time: that of the mixed KV lengths. */
function skewRows(rows: readonly SkewRow[]): Row[] {
  return rows.map(({ n, nb, skew, pc, kp, kvs, t_skew_us: timeUs }) => ({
    layer: null,
    key: [n, nb, skew, pc, kp, kvs],
    timeUs,
  }));
}

function textOf({ layer, key }: Row): string {
  return `${layer} ${key.join()}`;
}
