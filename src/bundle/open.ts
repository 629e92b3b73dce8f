/**
 * A bundle, opened.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Category } from "../shots/shot.ts";
import type { EstimatedRow } from "./estimated.ts";
import { readFiles } from "./files.ts";
import { bundleSummary } from "./summary.ts";
import type { Issue } from "./issue.ts";
import { lazyTables } from "./lazy_tables.ts";
import { metaPath } from "./layout.ts";
import { type Meta, parseMeta } from "./meta.ts";
import { type Simulator, simulatorOf } from "./simulator.ts";
import type { SkewRow } from "./skew.ts";
import type { SkewShape } from "./skew_shapes.ts";
import type { SkewCell } from "./skew_cells.ts";
import type { SkewFitRow } from "./skew_fit.ts";
import type { Row } from "./tables.ts";
import { kernelRows, type KernelTable, shotRows } from "./whole_table.ts";

/** A bundle's content. Rows that cannot be used are left out and stand in `issues`. */
export interface Bundle {
  /** The bundle's folder. */
  readonly dir: string;
  /** What meta.yaml says. */
  readonly meta: Meta;
  /** Tensor-parallel degrees that have a folder, ascending. */
  readonly tps: readonly number[];
  /**
   * The rows of a category at a degree as August reads them, sorted by layer and key; none when there is no such file.
   * An attention table without kv_prefill has prefill_key - prefill_chunk / 2 in its place.
   */
  table(tp: number, category: Category): readonly Row[];
  /** The skew cases at a degree, sorted by key; none when there is no such file. */
  skew(tp: number): readonly SkewRow[];
  /** The fitted alphas at a degree, sorted by bucket; none when there is no such file, or one of v1.2. */
  skewFit(tp: number): readonly SkewFitRow[];
  /** The rows of the attention table at a degree that were predicted, sorted by key; none when all were measured. */
  estimated(tp: number): readonly EstimatedRow[];
  /** What is wrong with the rows of all tables. */
  readonly issues: readonly Issue[];
}

/** A bundle with what v1.2 finds in it. */
export interface WholeBundle extends Bundle {
  /** The batches of the skew cases at a degree, whichever way the file lists them. */
  skewShapes(tp: number): readonly SkewShape[];
  /** The fitted alphas of v1.2 at a degree, sorted; none when there is no such file, or one of August. */
  skewCells(tp: number): readonly SkewCell[];
  /** The simulator that the bundle is for: v1.2 where August finds less than the whole, else August. */
  readonly simulator: Simulator;
  /**
   * The rows of a table as v1.2 reads them: by layer or kernel, then by new tokens of a decode (attention) or by the
   * devices that share the experts (moe), else 1. Keys are as the columns, of attention prefill_chunk, prefill_key,
   * n_decode and kv_decode; of a key that stands twice the last row counts.
   */
  kernels(tp: number, table: KernelTable): ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>>;
  /**
   * All rows of a category at a degree under the keys of the shots that measure them: prefills at a place have the
   * history that one of them would have, new tokens of a decode that are several are the key's last value.
   */
  shots(tp: number, category: Category): readonly Row[];
}

/**
 * Opens a bundle: reads all of its files; a table's text is taken apart when it is first asked for.
 *
 * @param dir The bundle's folder.
 * @returns The bundle, as the files were at this moment; as the last value of a notebook's cell it says what it is.
 * @throws {UsageError} when the folder or its meta.yaml is missing or cannot be read.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * await Deno.mkdir(`${dir}/tp1`);
 * await Deno.writeTextFile(`${dir}/meta.yaml`, "hardware: H100\n");
 * await Deno.writeTextFile(`${dir}/tp1/dense.csv`, "layer,tokens,time_us\nqkv_proj,16,12.5\n");
 * const bundle = await openBundle(dir);
 * assert.deepEqual(bundle.table(1, "dense"), [{ layer: "qkv_proj", key: [16], timeUs: 12.5 }]);
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function openBundle(dir: string): Promise<WholeBundle> {
  const files = await readFiles(dir);
  const path = metaPath(dir);
  if (typeof files.meta !== "string") {
    const reason = files.meta === null ? "its bytes are no UTF-8 text" : "it does not exist";
    throw new UsageError(`Cannot open the bundle ${dir}: it needs ${path}, but ${reason}`);
  }
  const tables = lazyTables(files);
  const meta = parseMeta(files.meta, path);
  const bundle: WholeBundle = {
    dir,
    meta,
    tps: files.tps,
    get simulator() {
      return simulatorOf({ tps: files.tps, fit: meta.skew_fit, ...tables });
    },
    kernels: (tp, table) => kernelRows(table, tables.table(tp, table)),
    shots: (tp, category) => shotRows(category, tables.table(tp, category)),
    skewShapes: (tp) => tables.skewShapes(tp).rows,
    skewCells: (tp) => tables.skewCells(tp).rows,
    table: (tp, category) => tables.table(tp, category).rows,
    skew: (tp) => tables.skew(tp).rows,
    skewFit: (tp) => tables.skewFit(tp).rows,
    estimated: (tp) => tables.estimated(tp).rows,
    get issues() {
      return tables.issues();
    },
  };
  const display = (): unknown => ({ "text/plain": bundleSummary(bundle) });
  return Object.defineProperty(bundle, Symbol.for("Jupyter.display"), { value: display });
}
