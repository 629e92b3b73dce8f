/**
 * Skew cases between those of a sweep.
 *
 * @module
 */
import { skewCaseOf } from "../shots/skew_cases.ts";
import type { AnyCase, CaseKey } from "./skew_features.ts";

/**
 * Imagines cases half way between neighbours, first along the number of long decodes, then, those included, along
 * the histories. A bucket of alphas stands for all batches that fall into it, of which a sweep has few: half of the
 * buckets hold three cases or fewer.
 *
 * @param cases The cases of the sweep.
 * @returns The cases between them; none is one of the sweep's.
 *
 * @example
 * ```ts
 * import { casesBetween } from "./skew_between.ts";
 * import { skewCaseOf } from "../shots/skew_cases.ts";
 * import assert from "node:assert/strict";
 * const sweep = [[8, 1, 0, 0, 128, 512], [8, 4, 0, 0, 128, 512], [8, 4, 0, 0, 256, 1024]].map(skewCaseOf);
 * const between = casesBetween(sweep).map(({ nb, kvs, kv_big }) => [nb, kvs, kv_big]);
 * assert.deepEqual(between, [[3, 128, 512], [4, 192, 768]]);
 * ```
 */
export function casesBetween(cases: readonly CaseKey[]): AnyCase[] {
  const fewer = halfWay(cases, ({ n, pc, kp, kvs, kv_big }) => [n, pc, kp, kvs, kv_big], ({ nb }) => nb);
  const shorter = halfWay(
    [...cases, ...fewer],
    ({ n, nb, pc, kp, kvs, kv_big }) => [n, nb, pc, kp, kv_big / kvs],
    ({ kvs }) => kvs,
  );
  return [...fewer, ...shorter];
}

/** Cases between neighbours in lines of cases that differ in one direction only. */
function halfWay(
  cases: readonly CaseKey[],
  lineOf: (each: CaseKey) => readonly number[],
  place: (each: CaseKey) => number,
): AnyCase[] {
  const lines = Map.groupBy(cases, (each) => lineOf(each).join());
  return [...lines.values()].flatMap((line) => {
    const ordered = line.toSorted((a, b) => place(a) - place(b));
    return ordered.slice(1).flatMap((upper, i) => {
      const middle = middleOf(ordered[i]!, upper);
      return place(middle) < place(upper) ? [middle] : [];
    });
  });
}

function middleOf(a: CaseKey, b: CaseKey): AnyCase {
  const middle = (x: number, y: number): number => Math.round((x + y) / 2);
  return skewCaseOf([a.n, middle(a.nb, b.nb), a.pc, a.kp, middle(a.kvs, b.kvs), middle(a.kv_big, b.kv_big)]);
}
