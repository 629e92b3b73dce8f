/**
 * The tables of a bundle as v1.2 reads them, as data frames.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { SkewCell } from "../../bundle/skew_cells.ts";
import type { Row } from "../../bundle/tables.ts";
import type { KernelTable } from "../../bundle/whole_table.ts";
import { counts, floats, texts } from "./series.ts";

/** The key's columns of each table, and what tells the rows of one kernel apart. */
const COLUMNS: Readonly<Record<KernelTable, { readonly key: readonly string[]; readonly split?: string }>> = {
  dense: { key: ["tokens"] },
  per_sequence: { key: ["sequences"] },
  attention: { key: ["prefill_chunk", "prefill_key", "n_decode", "kv_decode"], split: "decode_q_len" },
  moe: { key: ["tokens", "activated_experts"], split: "ep" },
  linear_attention: { key: ["prefill_tokens", "n_decode"] },
  mtp: { key: ["sequences"] },
};

/**
 * The rows of a table by layer or kernel as a data frame.
 *
 * @param table The table, which gives the columns.
 * @param kernels Its rows, as `bundle.kernels` gives them.
 * @returns `layer`, the key's columns, `decode_q_len` of attention or `ep` of experts, and `time_us` in microseconds.
 *
 * @example
 * ```ts
 * import { kernelFrame } from "./kernel_frame.ts";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "moe", key: [64, 8], timeUs: 50 }];
 * const frame = kernelFrame("moe", new Map([["moe", new Map([[2, rows]])]]));
 * assert.deepEqual(frame.toRecords(), [{ layer: "moe", tokens: 64, activated_experts: 8, ep: 2, time_us: 50 }]);
 * ```
 */
export function kernelFrame(
  table: KernelTable,
  kernels: ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>>,
): pl.DataFrame {
  const { key, split } = COLUMNS[table];
  const all = [...kernels].flatMap(([layer, splits]) =>
    [...splits].flatMap(([value, rows]) => rows.map((row) => ({ ...row, layer, split: value })))
  );
  return pl.DataFrame([
    texts("layer", all.map(({ layer }) => layer)),
    ...key.map((column, axis) =>
      column === "prefill_key"
        ? floats(column, all, (row) => row.key[axis]!)
        : counts(column, all, (row) => row.key[axis]!)
    ),
    ...split === undefined ? [] : [counts(split, all, (row) => row.split)],
    floats("time_us", all, ({ timeUs }) => timeUs),
  ]);
}

/**
 * The alphas of v1.2 as a data frame.
 *
 * @param cells The alphas.
 * @returns The columns of its skew_fit.csv.
 */
export function skewCellsFrame(cells: readonly SkewCell[]): pl.DataFrame {
  return pl.DataFrame([
    texts("layer", cells.map(({ layer }) => layer)),
    counts("decode_q_len", cells, ({ decode_q_len }) => decode_q_len),
    texts("pc_label", cells.map(({ pc_label }) => pc_label)),
    texts("lev_label", cells.map(({ lev_label }) => lev_label)),
    counts("n_anchor", cells, ({ n_anchor }) => n_anchor),
    floats("alpha", cells, ({ alpha }) => alpha),
    counts("direct_rows", cells, ({ direct_rows }) => direct_rows),
    counts("pooled_rows", cells, ({ pooled_rows }) => pooled_rows),
  ]);
}
