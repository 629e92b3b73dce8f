/**
 * Other tables to lean on.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { attentionNs, makeAttentionTable } from "../predict/attention.ts";
import { draw, randomFrom } from "../random.ts";
import { type AttentionShot, shotKey } from "../shots/shot.ts";
import { type Features, splitFeatures } from "./features.ts";
import { gaussianProcess } from "./gaussian_process.ts";
import type { AttentionKernel } from "./layout.ts";

/** The times of another model, degree or device. */
export interface PriorTable {
  /** Rows of its attention.csv; a bundle's `table(tp, "attention")`. */
  readonly rows: readonly Row[];
  /** Rows of its skew.csv; a bundle's `skew(tp)`. @default {none} */
  readonly skew?: readonly SkewRow[];
  /** Its heads after sharding, and its device. */
  readonly kernel: AttentionKernel;
}

/** Rows of all tables together that a process learns from where no table has the same heads. */
const LEARNED_ROWS = 2000;

/**
 * What other tables say about shots: the times of the largest one with the same heads, on the same device if there is one.
 * Where none has them, those of the last table, and what a Gaussian process says that learns from a part of the rows of all tables how times follow
 * the layout of a batch: the kernels are the same, whatever the heads.
 *
 * @param shots The shots.
 * @param kernel Their heads after sharding, and the device.
 * @param tables The tables, those that count more at last.
 * @returns The logarithms of the shots' times in microseconds, of one table or of two sources; none without rows.
 *
 * @example
 * ```ts
 * import { priorTimes } from "./prior.ts";
 * import assert from "node:assert/strict";
 * const kernel = { heads: 4, kvHeads: 2, multiprocessors: 8 };
 * const shot = { category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 2, kv_decode: 100 } as const;
 * const rows = [{ layer: null, key: [0, 0, 2, 100], timeUs: 20 }];
 * assert.deepEqual(priorTimes([shot], kernel, [{ rows, kernel }]), [Float64Array.of(Math.log(20))]);
 * ```
 */
export function priorTimes(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  tables: readonly PriorTable[],
): Float64Array[] {
  const some = tables.filter(({ rows }) => rows.length > 0);
  const alike = alikeOf(some, kernel);
  if (alike !== undefined) return [lookedUp(shots, alike.rows)];
  const last = some.at(-1);
  return last === undefined ? [] : [lookedUp(shots, last.rows), learned(shots, kernel, some)];
}

/**
 * The largest of some tables with the same heads, on the same device if there is one; the last of several.
 *
 * @param tables The tables.
 * @param kernel The heads and the device.
 * @returns The table; undefined when none has these heads.
 */
export function alikeOf(
  tables: readonly PriorTable[],
  { heads, kvHeads, multiprocessors }: AttentionKernel,
): PriorTable | undefined {
  const alike = tables.filter(({ kernel }) => kernel.heads === heads && kernel.kvHeads === kvHeads);
  const near = alike.filter(({ kernel }) => kernel.multiprocessors === multiprocessors);
  const most = (near.length > 0 ? near : alike).toSorted((a, b) => a.rows.length - b.rows.length);
  return most.at(-1);
}

function lookedUp(shots: readonly AttentionShot[], rows: readonly Row[]): Float64Array {
  const table = makeAttentionTable(rows)!;
  return Float64Array.from(shots, (shot) => {
    const [chunk = 0, history = 0, decodes = 0, kv = 0] = shotKey(shot);
    return Math.log(attentionNs(table, chunk, history, decodes, kv) / 1000);
  });
}

function learned(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  tables: readonly PriorTable[],
): Float64Array {
  const own = splitFeatures(shots, kernel);
  const others = tables.map(({ rows, kernel }, at) => {
    const part = someOf(rows, tables.length, at);
    const { names, columns } = splitFeatures(part.map(shotOf), kernel);
    const byName = new Map(names.map((name, i) => [name, columns[i]!]));
    return { byName, logTimes: part.map(({ timeUs }) => Math.log(timeUs)) };
  });
  const shared = own.names.filter((name) => others.every(({ byName }) => byName.has(name)));
  return learnFrom(
    own.columns.filter((_, i) => shared.includes(own.names[i]!)),
    others.map(({ byName, logTimes }) => ({ columns: shared.map((name) => byName.get(name)!), logTimes })),
  );
}

/**
 * Draws the rows of a table that a process learns from.
 *
 * @param rows The table's rows.
 * @param tables How many tables it learns from.
 * @param seed Seed of the draw.
 * @returns The rows, in their order.
 */
export function someOf<R>(rows: readonly R[], tables: number, seed: number): R[] {
  const drawn = draw(Int32Array.from(rows.keys()), Math.ceil(LEARNED_ROWS / tables), randomFrom(seed));
  return Array.from(drawn.sort(), (row) => rows[row]!);
}

/**
 * What a Gaussian process that has learned from tables says about others.
 *
 * @param own The features of what is asked for.
 * @param tables The same features of each table's rows, and the logarithms of their times.
 * @returns The logarithms of the times that are asked for.
 */
export function learnFrom(
  own: readonly Float64Array[],
  tables: readonly { readonly columns: readonly Float64Array[]; readonly logTimes: readonly number[] }[],
): Float64Array {
  const asked = own[0]!.length;
  const logTimes = tables.flatMap(({ logTimes }) => logTimes);
  const { predictions } = gaussianProcess(
    own.map((column, at) =>
      Float64Array.from([column, ...tables.map(({ columns }) => columns[at]!)].flatMap((part) => [...part]))
    ),
    Int32Array.from(logTimes, (_, i) => asked + i),
    Float64Array.from([...new Float64Array(asked).fill(NaN), ...logTimes]),
  );
  return predictions.slice(0, asked);
}

function shotOf(
  { key: [prefill_chunk = 0, kv_prefill = 0, n_decode = 0, kv_decode = 0] }: Row,
): AttentionShot {
  return { category: "attention", tp: 1, prefill_chunk, kv_prefill, n_decode, kv_decode };
}

/**
 * Adds what other tables say about each shot as a column. The linear part of a model finds out how the logarithm of the
 * time follows it: with a weight of 1 the rest of the model is one of their ratio. A prior that says nothing disturbs,
 * so a model is learned with the column and without, and both are asked.
 *
 * @param features The features of the shots.
 * @param logTimes What other tables say, as `priorTimes` gives it.
 * @returns The features with the column.
 */
export function withPrior(features: Features, logTimes: readonly Float64Array[]): Features {
  const { names, columns, linear } = features;
  return {
    ...features,
    names: [...names, ...logTimes.map((_, at) => `log_prior_time_${at + 1}`)],
    columns: [...columns, ...logTimes],
    linear: [...linear, ...logTimes.map((_, at) => columns.length + at)],
  };
}
