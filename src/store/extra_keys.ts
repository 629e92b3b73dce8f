/**
 * Rows of a bundle that a plan does not have: what is left of another grid.
 *
 * @module
 */
import { tablePath } from "../bundle/layout.ts";
import { plural } from "../count_text.ts";
import { keyColumns, type Shot, shotKey, type SweepCategory } from "../shots/shot.ts";

/** Columns along which a simulator interpolates within a slice of the others; all slices should have the same values. */
const WITHIN_SLICE: readonly string[] = ["kv_prefill", "kv_decode"];
/** Values of a column that a notice names. */
const NAMED = 6;

/** Keys of a table that are not of the plan. */
export interface ExtraKeys {
  /** Category of the table. */
  readonly category: SweepCategory;
  /** Its tensor-parallel degree. */
  readonly tp: number;
  /** The keys. */
  readonly keys: readonly (readonly number[])[];
  /** By column, the values that no planned shot has, ascending. */
  readonly foreign: Readonly<Record<string, readonly number[]>>;
}

/**
 * Finds the keys of a table that a plan does not have.
 *
 * @param tp Tensor-parallel degree.
 * @param category The table's category.
 * @param shots The planned shots.
 * @param there The keys of the table's rows.
 * @returns The keys; null when there are none.
 *
 * @example
 * ```ts
 * import { findExtraKeys } from "./extra_keys.ts";
 * import assert from "node:assert/strict";
 * const strays = findExtraKeys(1, "dense", [{ category: "dense", tp: 1, tokens: 16 }], [[16], [100]]);
 * assert.deepEqual(strays, { category: "dense", tp: 1, keys: [[100]], foreign: { tokens: [100] } });
 * ```
 */
export function findExtraKeys(
  tp: number,
  category: SweepCategory,
  shots: readonly Shot[],
  there: Iterable<readonly number[]>,
): ExtraKeys | null {
  const planned = new Map(shots.map((shot) => [shotKey(shot).join(), shotKey(shot)]));
  const strays = new Map<string, readonly number[]>();
  for (const key of there) if (!planned.has(key.join())) strays.set(key.join(), key);
  if (strays.size === 0) return null;
  const keys = [...strays.values()];
  const longest = keys.reduce((longest, key) => key.length > longest.length ? key : longest);
  const foreign = keyColumns(category, longest).flatMap((column, at) => {
    const known = new Set([...planned.values()].map((key) => key[at] ?? 1));
    const values = [...new Set(keys.map((key) => key[at] ?? 1))].filter((value) => !known.has(value));
    return values.length === 0 ? [] : [[column, values.sort((a, b) => a - b)] as const];
  });
  return { category, tp, keys, foreign: Object.fromEntries(foreign) };
}

/**
 * Says what it means that rows of another grid are kept.
 *
 * @param dir The bundle's folder.
 * @param strays Their keys.
 * @returns The sentence.
 */
export function extraKeysNotice(dir: string, { category, tp, keys, foreign }: ExtraKeys): string {
  const path = tablePath(dir, tp, category);
  const columns = Object.entries(foreign).map(([column, values]) => `${column} ${listed(values)}`);
  const which = columns.length === 0 ? "" : ` (${columns.join("; ")})`;
  if (Object.keys(foreign).some((column) => WITHIN_SLICE.includes(column))) {
    return `${path}: ${plural(keys.length, "key")} of another grid ${
      keys.length === 1 ? "is" : "are"
    } kept${which}, so that slices differ in their histories ` +
      `and simulators interpolate unevenly; pass exactGrid (--exact-grid) to move them into an archive, ` +
      `or force (--force) to measure all anew`;
  }
  return columns.length === 0
    ? `${path}: ${plural(keys.length, "key is", "keys are")} kept that this plan leaves out`
    : `${path}: ${plural(keys.length, "key")} of another grid ${
      keys.length === 1 ? "is kept, as a further point" : "are kept, as further points"
    } of this one${which}`;
}

function listed(values: readonly number[]): string {
  const named = values.slice(0, NAMED).join(", ");
  return values.length > NAMED ? `${named}, and ${values.length - NAMED} more` : named;
}
