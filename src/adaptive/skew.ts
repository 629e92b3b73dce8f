/**
 * All skew cases from a part of their t_skew shots.
 *
 * @module
 */
import { alphaOf, type SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { UsageError } from "../errors.ts";
import { attentionNs, type AttentionTable, makeAttentionTable } from "../predict/attention.ts";
import { answered, type Answers, type Measure, measureAll } from "./answers.ts";
import { design, type DesignOptions, type Round } from "./design.ts";
import type { TableErrors } from "./held_out.ts";
import type { AttentionKernel } from "./layout.ts";
import { alikeOf, learnFrom, type PriorTable, someOf, withPrior } from "./prior.ts";
import { casesBetween } from "./skew_between.ts";
import { type AnyCase, type EndTimes, skewFeatures, skewSplitFeatures } from "./skew_features.ts";
import { learn, processOn, type Surrogate, THOROUGH, treesOn } from "./time_model.ts";

/** Cases of which a part was measured. */
export interface AdaptedSkew {
  /** Rows of the cases whose t_skew was measured: what skew.csv holds. */
  readonly measured: readonly SkewRow[];
  /** Rows of the others, t_skew predicted. */
  readonly predicted: readonly SkewRow[];
  /** What 90% of the rows would stay within without the prior, and do with it; null without one. */
  readonly prior: { readonly without: number; readonly with: number } | null;
  /** Rows of cases between those of the sweep, t_skew predicted, in the end: alphas are fitted to all three. */
  readonly imagined: readonly SkewRow[];
  /** How far the t_skew of all rows are from the truth, measured ones counted as exact. */
  readonly errors: TableErrors;
}

/** Options of {@linkcode adaptSkew}. */
export interface SkewOptions<T> extends Omit<DesignOptions, "known"> {
  /** Times of other models, degrees or devices to lean on, those that count more at last. */
  readonly prior?: readonly PriorTable[];
  /** The t_skew of a case that was measured before, null for any other; one that no round asks for is used in the end. */
  readonly known?: (skewCase: T) => number | null;
}

/**
 * Chooses cases in rounds, each answered with their t_skew, and predicts it for the rest; t_mean and t_max are read
 * from attention.csv.
 *
 * @param cases All cases, at one degree.
 * @param attention The rows of the degree's attention.csv, measured or not.
 * @param kernel Model and device.
 * @param options When to stop.
 * @returns The rounds, and the rows in the end.
 * @throws {UsageError} when there are no attention rows, an option is out of range, or too few cases give a time to
 * learn from.
 */
export function* skewRounds<T extends AnyCase>(
  cases: readonly T[],
  attention: readonly Row[],
  kernel: AttentionKernel,
  options: SkewOptions<T> = {},
): Generator<Round<readonly T[], AdaptedSkew>, AdaptedSkew, Answers> {
  const { known, prior = [], ...others } = options;
  const table = attentionTable(attention);
  const ends = endTimes(cases, table);
  const surrogates = surrogatesOf(cases, ends, kernel, prior);
  const rounds = design(cases.length, [surrogates], {
    ...others,
    ...known && { known: (i): number[] => [known(cases[i]!) ?? NaN] },
  });
  let models: readonly Surrogate[] = [];
  const found = yield* answered(
    rounds,
    cases,
    ({ kernels, measured, predicted, errors, p90Alone }) => {
      const { timesUs, promising } = kernels[0]!;
      models = promising;
      const rowOf = (i: number): SkewRow => rowFrom(cases[i]!, ends.mean[i]!, ends.max[i]!, timesUs[i]!);
      return {
        measured: Array.from(measured, rowOf),
        predicted: Array.from(predicted, rowOf),
        imagined: [],
        errors,
        prior: surrogates.some(({ leans }) => leans)
          ? { without: p90Alone, with: errors.p90.estimate }
          : null,
      };
    },
  );
  if (found.predicted.length === 0) return found;
  return {
    ...found,
    imagined: imagine(cases, found.measured, table, kernel, options.seed ?? 0, prior, models),
  };
}

/**
 * Measures t_skew of a part of the cases and predicts it for the rest; t_mean and t_max are read from attention.csv.
 *
 * @param cases All cases, at one degree.
 * @param attention The rows of the degree's attention.csv, measured or not.
 * @param kernel Model and device.
 * @param measure Measures t_skew of cases: the time of each in microseconds, null for one that failed.
 * @param options When to stop.
 * @returns The rows, for `fitSkew` by `shrinkage`; cases that failed have none.
 * @throws {UsageError} as {@linkcode skewRounds} does.
 */
export function adaptSkew<T extends AnyCase>(
  cases: readonly T[],
  attention: readonly Row[],
  kernel: AttentionKernel,
  measure: Measure<T>,
  options: SkewOptions<T> = {},
): Promise<AdaptedSkew> {
  return measureAll(skewRounds(cases, attention, kernel, options), measure);
}

function surrogatesOf(
  cases: readonly AnyCase[],
  ends: EndTimes,
  kernel: AttentionKernel,
  prior: readonly PriorTable[],
  kinds: readonly Surrogate["name"][] = ["trees", "process"],
): Surrogate[] {
  const split = kinds.includes("process") || prior.length > 0 ? skewSplitFeatures(cases, ends, kernel) : null;
  const logTimes = split === null ? null : priorSkew(split.columns, kernel, prior);
  return kinds.flatMap((kind) => {
    const [on, features] = kind === "trees"
      ? [treesOn, skewFeatures(cases, ends, kernel)] as const
      : [processOn, split!] as const;
    return [on(features), ...logTimes === null ? [] : [on(withPrior(features, [logTimes]), true)]];
  });
}

/** What other tables say about cases: a process that learns from the largest with the same heads, else from all. */
function priorSkew(
  own: readonly Float64Array[],
  kernel: AttentionKernel,
  prior: readonly PriorTable[],
): Float64Array | null {
  const some = prior.filter(({ rows, skew = [] }) => rows.length > 0 && skew.length > 0);
  if (some.length === 0) return null;
  const alike = alikeOf(some, kernel);
  const tables = alike === undefined ? some : [alike];
  return learnFrom(
    own,
    tables.map(({ rows, skew = [], kernel }, at) => {
      const part = someOf(skew, tables.length, at);
      return {
        columns: skewSplitFeatures(part, endTimes(part, attentionTable(rows)), kernel).columns,
        logTimes: part.map(({ t_skew_us }) => Math.log(t_skew_us)),
      };
    }),
  );
}

/** Predicts the cases between those of a sweep, from the measured ones. */
function imagine(
  cases: readonly AnyCase[],
  measured: readonly SkewRow[],
  table: AttentionTable,
  kernel: AttentionKernel,
  seed: number,
  prior: readonly PriorTable[],
  models: readonly Surrogate[],
): SkewRow[] {
  const between = casesBetween(cases);
  const all = [...measured, ...between];
  const ends = endTimes(all, table);
  const { predict } = learn(
    surrogatesOf(all, ends, kernel, prior, [...new Set(models.map(({ name }) => name))]).filter((
      { name, leans },
    ) => models.some((model) => model.name === name && model.leans === leans)),
    Int32Array.from(measured.keys()),
    Float64Array.from(all, (_, i) => Math.log(measured[i]?.t_skew_us ?? NaN)),
    THOROUGH,
    seed,
  );
  const { logTimes } = predict(Int32Array.from(between, (_, i) => measured.length + i));
  return between.map((each, i) => {
    const at = measured.length + i;
    return rowFrom(each, ends.mean[at]!, ends.max[at]!, Math.exp(logTimes[at]!));
  });
}

function attentionTable(attention: readonly Row[]): AttentionTable {
  const table = makeAttentionTable(attention);
  if (table !== null) return table;
  throw new UsageError(
    "Cannot choose skew cases: t_mean and t_max are read from attention.csv, which has no rows; measure attention first",
  );
}

function endTimes(cases: readonly AnyCase[], table: AttentionTable): EndTimes {
  const endOf = ({ pc, kp, n }: AnyCase, kv: number): number => attentionNs(table, pc, kp, n, kv) / 1000;
  return {
    mean: Float64Array.from(cases, (each) => endOf(each, each.kv_mean)),
    max: Float64Array.from(cases, (each) => endOf(each, each.kv_big)),
  };
}

function rowFrom(each: AnyCase, mean: number, max: number, skewed: number): SkewRow {
  const { regime, n, nb, ratio, skew, pc, kp, kvs, kv_big, kv_mean } = each;
  return {
    ...{ regime, n, nb, ratio, skew, pc, kp, kvs, kv_big, kv_mean },
    t_mean_us: mean,
    t_max_us: max,
    t_skew_us: skewed,
    alpha: alphaOf(mean, max, skewed),
  };
}
