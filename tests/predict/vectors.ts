/**
 * The lookups that a simulator made against small made-up bundles.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { type Meta, parseMeta } from "../../src/bundle/meta.ts";
import { readSkewFit } from "../../src/bundle/skew_fit.ts";
import { readTable } from "../../src/bundle/tables.ts";
import type { PredictorSource } from "../../src/predict/predictor.ts";
import type { LookupVectors } from "./compare_lookups.ts";

/** A bundle's lookups at one tensor-parallel degree. */
export interface LookupCase extends LookupVectors {
  /** Name of the bundle. */
  readonly bundle: string;
  /** The degree. */
  readonly tp: number;
}

/** The file's content. */
export interface LookupFile {
  /** The text of every file of each bundle. */
  readonly bundles: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What was asked. */
  readonly cases: readonly LookupCase[];
}

/**
 * Reads a compressed JSON file beside the tests.
 *
 * @param name File name in tests/data.
 * @returns Its content.
 */
export function readVectors<T>(name: string): T {
  const bytes = Deno.readFileSync(new URL(`../data/${name}`, import.meta.url));
  return JSON.parse(new TextDecoder().decode(gunzipSync(bytes)));
}

/**
 * A bundle from the texts of its files.
 *
 * @param files Texts by path within the bundle.
 * @returns What a predictor reads of it.
 */
export function sourceOf(files: Readonly<Record<string, string>>): PredictorSource {
  const tps = new Set(Object.keys(files).flatMap((path) => /^tp(\d+)\//.exec(path)?.[1] ?? []));
  const meta: Meta = parseMeta(files["meta.yaml"] ?? "", "meta.yaml");
  return {
    tps: Array.from(tps, Number).sort((a, b) => a - b),
    meta,
    table: (tp, category) => readTable(category, files[`tp${tp}/${category}.csv`] ?? "", category).rows,
    skewFit: (tp) => readSkewFit(files[`tp${tp}/skew_fit.csv`] ?? "", "skew_fit.csv").rows,
  };
}
