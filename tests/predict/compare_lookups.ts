/**
 * Compares a predictor's answers with a simulator's.
 *
 * @module
 */
import { LookupError } from "../../src/predict/lookup_error.ts";
import type { Predictor } from "../../src/predict/predictor.ts";

/** A table of lookups; the last field of a row is the answer in nanoseconds, or the error that was raised. */
interface Lookups {
  readonly rows: readonly (readonly (string | number | { error: string })[])[];
}

/** A batch with what the simulator made of it. */
interface BatchVector {
  readonly pf: readonly (readonly [number, number])[];
  readonly kv: readonly (readonly [number, number])[];
  readonly n: number;
  readonly mean: number;
  readonly max: number;
  readonly pc: number;
  readonly kp: number;
  readonly how: string;
  readonly t_mean: number;
  readonly t_max: number | null;
  readonly sr: number | null;
  readonly key: string | null;
  readonly hit: boolean | null;
  readonly alpha: number | null;
  readonly ns: number;
}

/** The lookups of one bundle at one tensor-parallel degree. */
export interface LookupVectors {
  readonly dense?: Lookups;
  readonly per_sequence?: Lookups;
  readonly moe?: Lookups;
  readonly attention?: Lookups;
  readonly batches: { readonly rows: readonly BatchVector[] };
}

/** What a comparison gave. */
export interface Comparison {
  /** Equal answers. */
  readonly equal: number;
  /** The others, in words. */
  readonly differences: readonly string[];
}

/**
 * Asks a predictor everything that a simulator was asked.
 *
 * @param predictor The predictor.
 * @param tp The tensor-parallel degree.
 * @param vectors The lookups.
 * @returns The comparison of each kind of lookup.
 */
export function compareLookups(
  predictor: Predictor,
  tp: number,
  vectors: LookupVectors,
): Map<string, Comparison> {
  const ask: Record<string, (query: readonly (string | number)[]) => number> = {
    dense: ([layer, tokens]) => predictor.dense(tp, String(layer), Number(tokens)),
    per_sequence: ([layer, sequences]) => predictor.perSequence(tp, String(layer), Number(sequences)),
    moe: ([tokens, experts]) => predictor.moe({ tokens: Number(tokens), activatedExperts: Number(experts) }),
    attention: (query) => {
      const [chunk, kvPrefill, nDecode, kvDecode] = query as [number, number, number, number];
      return predictor.attention(tp, { chunk, kvPrefill, nDecode, kvDecode });
    },
  };
  const comparisons = new Map<string, Comparison>();
  for (const [kind, answer] of Object.entries(ask)) {
    // A simulator takes the least row for a negative size; here it is an error.
    const rows = vectors[kind as "dense"]?.rows.filter((row) =>
      row.slice(0, -1).every((size) => typeof size !== "number" || size >= 0)
    );
    if (rows === undefined) continue;
    const differences = rows.flatMap((row) => {
      const expected = row.at(-1);
      const got = attempt(() => answer(row.slice(0, -1) as (string | number)[]));
      return got === (typeof expected === "object" ? "error" : expected) ? [] : [`${row.join(",")}: ${got}`];
    });
    comparisons.set(kind, { equal: rows.length - differences.length, differences });
  }
  const { rows } = vectors.batches;
  const differences = rows.flatMap((row) => batchDifferences(predictor, tp, row));
  comparisons.set("batches", { equal: rows.length - differences.length, differences });
  return comparisons;
}

function attempt(answer: () => number): number | string {
  try {
    return answer();
  } catch (error) {
    if (error instanceof LookupError) return "error";
    throw error;
  }
}

/** One text at most: what differs in the answer or in how it came about. */
function batchDifferences(predictor: Predictor, tp: number, row: BatchVector): string[] {
  const batch = {
    prefills: row.pf.map(([chunk, history]) => ({ chunk, history })),
    decodes: row.kv.map(([kv, count]) => ({ kv, count })),
  };
  const trace = predictor.explainBatch(tp, batch);
  const { facts } = trace;
  const pairs: [name: string, got: unknown, expected: unknown][] = [
    ["ns", predictor.batch(tp, batch), row.ns],
    ["traced ns", trace.ns, row.ns],
    ["how", trace.rule, row.how],
    ["n", facts.n, row.n],
    ["pc", facts.pc, row.pc],
    ["kp", facts.kp, row.kp],
    ["mean", facts.kvMean, row.mean],
    ["max", facts.kvMax, row.max],
    ["t_mean", trace.mean.ns, row.t_mean],
    ["t_max", trace.max?.ns ?? null, row.t_max],
    ["alpha", trace.alpha, row.alpha],
    ["hit", trace.alphaSource === null ? null : trace.alphaSource === "bucket", row.hit],
    ...(row.sr === null ? [] : [["sr", facts.skewRate, row.sr] as [string, unknown, unknown]]),
    ...(row.key === null ? [] : [["key", trace.bucket, row.key] as [string, unknown, unknown]]),
  ];
  const different = pairs.filter(([, got, expected]) => got !== expected);
  if (different.length === 0) return [];
  const texts = different.map(([name, got, expected]) => `${name} ${got} instead of ${expected}`);
  return [`${JSON.stringify(batch)}: ${texts.join(", ")}`];
}
