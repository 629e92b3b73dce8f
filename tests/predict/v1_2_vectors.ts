/**
 * The lookups that v1.2 made, and what it was asked on.
 *
 * @module
 */
import { type Meta, parseMeta } from "../../src/bundle/meta.ts";
import type { Calibration } from "../../src/bundle/meta_blocks.ts";
import { readSkewCells } from "../../src/bundle/skew_cells.ts";
import { kernelRows, type KernelTable, readWholeTable } from "../../src/bundle/whole_table.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import type { PredictorSource } from "../../src/predict/predictor.ts";

/** Texts of a bundle's files by path. */
export type Files = Readonly<Record<string, string>>;

/** A made-up bundle with every table, and lookups in it. */
export interface SyntheticVectors {
  readonly model_config: ModelConfig;
  readonly architecture: object;
  readonly files: Files;
  readonly cases:
    readonly (readonly [table: KernelTable, query: readonly (string | number)[], ns: number | null])[];
  readonly prefill_key: {
    readonly rows: readonly (readonly [prefills: [number, number][], key: number, capped: number])[];
  };
  readonly sequence: readonly Readonly<Record<"pre_attn" | "post_attn" | "mlp", readonly string[]>>[];
  readonly calibration: {
    readonly rows: readonly (readonly [
      id: string,
      kernel: string,
      n: number,
      pc: number,
      meanUs: number,
      maxUs: number,
      skewUs: number,
    ])[];
    readonly table: Calibration & {
      readonly slices: Readonly<
        Record<
          string,
          Readonly<Record<"anchors" | "alpha" | "direct_rows" | "pooled_rows", readonly number[]>>
        >
      >;
    };
    readonly lookup: {
      readonly rows:
        readonly (readonly [kernel: string, n: number, pc: number, lev: number, alpha: number])[];
    };
  };
}

/** Batches of a measured bundle; the columns are pc, key and so on as `fields` says. */
export interface BundleVectors {
  readonly lookups: readonly {
    readonly tp: number;
    readonly ep: number;
    readonly refit: boolean;
    readonly layers: readonly string[];
    readonly batches: readonly (readonly [
      kind: string,
      prefills: [number, number][],
      decodes: [number, number][],
      pc: number,
      key: number,
      n: number,
      mean: number,
      max: number,
      tMean: number,
      tMax: number | null,
      lev: number | null,
      alpha: number | null,
      activated: number | null,
      ns: readonly (number | null)[],
      iteration: number,
    ])[];
  }[];
  /** What refit-skew made of the second degree. */
  readonly refit: { readonly meta_entry: Calibration; readonly skew_fit_csv: string };
}

/**
 * A bundle from the texts of its files.
 *
 * @param files The texts.
 * @param skewFit The block of fitted alphas. @default {that of meta.yaml}
 * @returns What a predictor reads of it.
 */
export function newerSource(files: Files, skewFit?: Meta["skew_fit"]): PredictorSource {
  const tps = new Set(Object.keys(files).flatMap((path) => /^tp(\d+)\//.exec(path)?.[1] ?? []));
  const meta = parseMeta(files["meta.yaml"] ?? "", "meta.yaml");
  const text = (tp: number, table: string): string => files[`tp${tp}/${table}.csv`] ?? "";
  return {
    tps: Array.from(tps, Number).sort((a, b) => a - b),
    meta: skewFit === undefined ? meta : { ...meta, skew_fit: skewFit },
    table: (tp, category) => readWholeTable(category, text(tp, category), category).rows,
    kernels: (tp, table) => kernelRows(table, readWholeTable(table, text(tp, table), table)),
    skewFit: () => [],
    skewCells: (tp) => readSkewCells(text(tp, "skew_fit"), "skew_fit.csv").rows,
  };
}
