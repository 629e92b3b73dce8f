/**
 * Times of a mixture-of-experts block over tokens and activated experts.
 *
 * @module
 */
import type { Row } from "../bundle/tables.ts";
import { fractionAbove, interpolate, lerp, lowerNeighbour } from "./interpolate.ts";
import { nanoseconds, wholeNanoseconds } from "./nanoseconds.ts";

/** The rows of moe.csv, one line over tokens for each number of activated experts. */
export interface MoeTable {
  /** Activated experts, ascending. */
  readonly experts: Float64Array;
  /** Where each line begins in `tokens` and `ns`; one more entry ends the last. */
  readonly lineStart: Int32Array;
  /** Tokens, ascending within a line. */
  readonly tokens: Float64Array;
  /** Times in nanoseconds. */
  readonly ns: Float64Array;
}

/**
 * Arranges the rows of moe.csv for lookups.
 *
 * @param rows The rows; the key is tokens, activated experts.
 * @returns The table, null without rows.
 */
export function makeMoeTable(rows: readonly Row[]): MoeTable | null {
  if (rows.length === 0) return null;
  const sorted = rows.toSorted((a, b) => a.key[1]! - b.key[1]! || a.key[0]! - b.key[0]!);
  const starts = sorted.flatMap((row, i) => row.key[1] === sorted[i - 1]?.key[1] ? [] : [i]);
  return {
    experts: Float64Array.from(starts, (start) => sorted[start]!.key[1]!),
    lineStart: Int32Array.from([...starts, sorted.length]),
    tokens: Float64Array.from(sorted, (row) => row.key[0]!),
    ns: Float64Array.from(sorted, (row) => nanoseconds(row.timeUs)),
  };
}

/**
 * The time of a block.
 *
 * @param table The table.
 * @param tokens New tokens; below 1 counts as 1.
 * @param activatedExperts Experts that receive tokens.
 * @returns Time in nanoseconds.
 */
export function moeNs(table: MoeTable, tokens: number, activatedExperts: number): number {
  const { experts } = table;
  const lower = lowerNeighbour(experts, 0, experts.length, activatedExperts);
  const t = fractionAbove(experts, lower, experts.length, activatedExperts);
  const at = lineNs(table, lower, tokens);
  return wholeNanoseconds(t === 0 ? at : lerp(at, lineNs(table, lower + 1, tokens), t));
}

function lineNs(table: MoeTable, line: number, tokens: number): number {
  const { lineStart } = table;
  return interpolate(table.tokens, table.ns, lineStart[line]!, lineStart[line + 1]!, Math.max(tokens, 1));
}
