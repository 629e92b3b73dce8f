/**
 * The attention grid and the axis of dense: against meta.yaml, and against what lookups need.
 *
 * @module
 */
import { attentionAxes } from "../../shots/attention_shots.ts";
import { stepAt } from "../../shots/axes.ts";
import { chunkOf } from "../../shots/limits.ts";
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { Meta } from "../../bundle/meta.ts";
import type { Row } from "../../bundle/tables.ts";
import { formatCount, plural } from "../../count_text.ts";
import { distinct, upperMedian } from "../../stats.ts";

/** Values that an issue names at most. */
const MAX_NAMED = 8;

/**
 * Checks the grids of the attention tables, and the axis of dense where meta.yaml records its step.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param meta What meta.yaml says.
 * @returns Warnings: values off meta.yaml's grid and values of it without rows, lines that skip values which others
 * have, the corner of the most requests with a prefill, and dense rows further apart than recorded.
 */
export function checkGrid(files: BundleFiles, tables: LazyTables, meta: Meta): Issue[] {
  return files.tps.flatMap((tp) =>
    [attention, dense].flatMap((checkTable) => checkTable(files, tables, meta, tp))
  );
}

function attention(files: BundleFiles, tables: LazyTables, meta: Meta, tp: number): Issue[] {
  const { rows } = tables.table(tp, "attention");
  if (rows.length === 0) return [];
  const path = tablePath(files.dir, tp, "attention");
  return [
    ...offGrid(rows, path, meta, tp),
    ...meta.attention_grid?.union === true ? [] : ragged(rows, path),
    ...corner(rows, path, meta),
    ...beyondWindow(rows, path, meta),
  ];
}

/** Neighbours of a layer's rows that are further apart than the step that is recorded, as of a table that was cut. */
function dense(files: BundleFiles, tables: LazyTables, { dense_step: step }: Meta, tp: number): Issue[] {
  if (step === undefined) return [];
  const layers = Map.groupBy(tables.table(tp, "dense").rows, ({ layer }) => layer);
  const gaps = [...layers.values()].flatMap((rows) => {
    const values = distinct(rows.map(({ key }) => key[0]!));
    return values.slice(1).flatMap((value, i) =>
      value - values[i]! > stepAt(values[i]!, step) ? [`${values[i]} to ${value}`] : []
    );
  });
  if (gaps.length === 0) return [];
  return [{
    code: "grid-incomplete",
    severity: "warning",
    path: tablePath(files.dir, tp, "dense"),
    column: "tokens",
    message: `Rows are further apart than the step which meta.yaml records: dense_step ${step}`,
    found: named([...new Set(gaps)]),
    expected: `steps of 1 below 16, ${stepAt(16, step)} below 64 and ${step} beyond`,
  }];
}

/** What an engine of one degree came to. */
type Resolved = {
  readonly max_model_len?: number | undefined;
  readonly num_cache_tokens?: number | undefined;
};

/** The last value of an axis may lie off the grid: an engine may allow less than was asked for. */
function offGrid(rows: readonly Row[], path: string, meta: Meta, tp: number): Issue[] {
  const resolved: Resolved = meta.engine_resolved?.per_tp?.[tp] ?? {};
  const { attention_grid: grid, engine_effective: engine } = meta;
  const { max_num_batched_tokens: maxNumBatchedTokens, max_num_seqs: maxNumSeqs } = engine ?? {};
  if (grid === undefined || maxNumBatchedTokens === undefined || maxNumSeqs === undefined) return [];
  if (!(grid.chunk_factor > 1 && grid.kv_factor > 1) || grid.prefill_key !== undefined) return [];
  const { chunks, decodes, kv } = attentionAxes({
    maxNumBatchedTokens,
    maxNumSeqs,
    attentionMaxKv: grid.max_kv,
    attentionChunkFactor: grid.chunk_factor,
    attentionKvFactor: grid.kv_factor,
    windowTokens: grid.window ?? null,
    localChunk: meta.kv_groups === undefined
      ? null
      : chunkOf({ pool: { blocks: 0, groups: meta.kv_groups } }),
  });
  const axes = [["prefill_chunk", chunks], ["kv_prefill", kv], ["n_decode", decodes], [
    "kv_decode",
    kv,
  ]] as const;
  return axes.flatMap(([column, axis], position): Issue[] => {
    const values = distinct(rows.map(({ key }) => key[position]!));
    const off = values.slice(0, -1).filter((value) => !axis.includes(value));
    const issue = { severity: "warning" as const, path, column, expected: named(axis) };
    if (off.length > 0) {
      return [{
        ...issue,
        code: "grid-off-meta",
        message: "The table has values that are not on the grid which meta.yaml records",
        found: named(off),
      }];
    }
    const lacking = missing(axis, values, position, resolved);
    if (lacking.length === 0) return [];
    return [{
      ...issue,
      code: "grid-incomplete",
      message: `The grid which meta.yaml records has values without rows: ${named(lacking)}`,
      found: named(values),
    }];
  });
}

/**
 * The values of an axis that no row has, as of a table that was cut. What an engine's KV pool or longest request may not
 * have allowed is not missed, nor the last value where another one ends the axis.
 */
function missing(
  axis: readonly number[],
  values: readonly number[],
  position: number,
  { max_model_len: longest = Infinity, num_cache_tokens: pool = Infinity }: Resolved,
): number[] {
  const limit = Math.min(longest, pool) / 2;
  const most = position === 2 ? pool / 64 : limit;
  const last = values.at(-1)!;
  return axis.filter((value) =>
    !values.includes(value) && value <= most && !(value === axis.at(-1) && !axis.includes(last))
  );
}

/**
 * Lines over a history that skip values which other lines have below their end: lookups interpolate over wider gaps
 * there, or clamp, while their neighbours do not. A grid that ends early, as the KV pool is full, is no such line.
 */
function ragged(rows: readonly Row[], path: string): Issue[] {
  return ([["kv_prefill", 1], ["kv_decode", 3]] as const).flatMap(([column, axis]) => {
    const used = rows.filter(({ key }) => key[axis === 1 ? 0 : 2]! > 0);
    const union = distinct(used.map(({ key }) => key[axis]!));
    const lines = Map.groupBy(used, ({ key }) => key.filter((_, i) => i !== axis).join());
    const holed = [...lines.values()].filter((line) => {
      const own = new Set(line.map(({ key }) => key[axis]!));
      const end = Math.max(...own);
      return union.some((value) => value < end && !own.has(value));
    });
    if (holed.length === 0) return [];
    return [{
      code: "grid-ragged",
      severity: "warning" as const,
      path,
      column,
      message:
        "Lines skip values that other lines have: two grids stand in one table, which shifts lookups between them",
      found: `${formatCount(holed.length)} of ${plural(lines.size, "line")}`,
      expected: "the same values in all lines",
    }];
  });
}

/** By how much times may differ, at the median, that a window should make alike. */
const ALIKE = 0.1;

/** The longest KV length against the first that fills the window: nothing between them was measured, as all take as long. */
function beyondWindow(rows: readonly Row[], path: string, { attention_grid: grid }: Meta): Issue[] {
  const window = grid?.window;
  if (window === undefined) return [];
  return ([["kv_prefill", 1, 0], ["kv_decode", 3, 2]] as const).flatMap(([column, axis, of]): Issue[] => {
    const full = rows.filter(({ key }) => key[of]! > 0 && key[axis]! >= window);
    const lines = Map.groupBy(full, ({ key }) => key.with(axis, 0).join());
    const ratios = [...lines.values()].filter((line) => line.length > 1).map((line) => {
      const sorted = line.toSorted((a, b) => a.key[axis]! - b.key[axis]!);
      return sorted.at(-1)!.timeUs / sorted[0]!.timeUs;
    });
    const middle = upperMedian(ratios);
    if (!(Math.abs(middle - 1) > ALIKE)) return [];
    return [{
      code: "window-differs",
      severity: "warning",
      path,
      column,
      message: `Histories beyond the window of ${
        plural(window, "token")
      } take another time; those between were not measured`,
      found: `${middle.toFixed(2)} times at the median of ${plural(ratios.length, "line")}`,
      expected: `1, within ${ALIKE}`,
    }];
  });
}

function corner(rows: readonly Row[], path: string, { engine_effective: engine }: Meta): Issue[] {
  const most = engine?.max_num_seqs;
  if (most === undefined || most < 2) return [];
  const mixed = rows.filter(({ key }) => key[0]! > 0 && key[2]! > 0);
  const reached = mixed.reduce((n, { key }) => Math.max(n, key[2]!), 0);
  // With a prefill a run has one decode less.
  if (mixed.length === 0 || reached >= most - 1) return [];
  return [{
    code: "grid-corner",
    severity: "warning",
    path,
    column: "n_decode",
    message: `With a prefill, lookups of more than ${
      plural(reached, "decode")
    } are answered from a neighbouring slice`,
    found: `${plural(reached, "decode")} with a prefill at most`,
    expected: `${most}, or ${most - 1} at least`,
  }];
}

function named(values: readonly (number | string)[]): string {
  const shown = values.slice(0, MAX_NAMED).join(", ");
  return values.length > MAX_NAMED ? `${shown}, ... (${values.length})` : shown;
}
