/**
 * Attention rows that were predicted, while a bundle is written: they stand until their shots are measured, and a list
 * beside the table names them.
 *
 * @module
 */
import { type EstimatedRow, formatEstimated } from "../bundle/estimated.ts";
import { tablePath } from "../bundle/layout.ts";
import type { Row } from "../bundle/tables.ts";
import { writeError } from "../files/write.ts";
import { rowText, type ShotId } from "../shots/shot_id.ts";

/** A shot whose times are predicted: its key, the relative error to expect, and its rows. */
export interface Estimate extends EstimatedRow {
  /** A row for each kernel. */
  readonly rows: readonly Row[];
}

/** The predicted shots of all degrees, by the texts of their keys. */
export type Estimates = Map<number, Map<string, Estimate>>;

/**
 * Sets the predicted shots of a degree, in place of those before.
 *
 * @param estimates All predicted shots; changed.
 * @param tp Tensor-parallel degree.
 * @param shots Its shots.
 */
export function setEstimates(estimates: Estimates, tp: number, shots: readonly Estimate[]): void {
  estimates.set(tp, new Map(shots.map((shot) => [rowText(null, shot.key), shot])));
}

/**
 * Takes out what is predicted for a shot, because it was fired or its row is no longer wanted.
 *
 * @param estimates All predicted shots; changed.
 * @param shot The shot.
 */
export function dropEstimate(estimates: Estimates, { category, tp, key }: ShotId): void {
  if (category === "attention") estimates.get(tp)?.delete(rowText(null, key));
}

/**
 * The predicted rows of a degree.
 *
 * @param estimates All predicted shots.
 * @param tp Tensor-parallel degree.
 * @returns Its rows, in no order.
 */
export function estimatedRows(estimates: Estimates, tp: number): Row[] {
  const found: Row[] = [];
  for (const { rows } of estimates.get(tp)?.values() ?? []) found.push(...rows);
  return found;
}

/** The lists of predicted rows on the disk. */
export interface EstimateLists {
  /**
   * Writes a degree's table between two lists: the first names all rows that are predicted in the old table or the
   * new one, the second those of the new one. Whoever reads in between may take a measured row for predicted, never
   * the other way round.
   *
   * @param tp Tensor-parallel degree.
   * @param writeTable Writes the table.
   * @throws {UsageError} when the disk refuses.
   */
  around(tp: number, writeTable: () => Promise<void>): Promise<void>;
}

/**
 * Keeps the lists beside the tables.
 *
 * @param dir The bundle's folder.
 * @param estimates The predicted rows, which may change at any time.
 * @param listed The rows that the lists have now, by degree.
 * @param write Writes a whole file.
 * @returns The lists.
 */
export function estimateLists(
  dir: string,
  estimates: Estimates,
  listed: ReadonlyMap<number, readonly EstimatedRow[]>,
  write: (path: string, text: string) => Promise<void>,
): EstimateLists {
  const there = new Map(listed);
  const texts = new Map<number, string>();
  async function list(tp: number, rows: readonly EstimatedRow[]): Promise<void> {
    const path = tablePath(dir, tp, "estimated");
    const text = formatEstimated(rows);
    const before = texts.get(tp) ?? formatEstimated(there.get(tp) ?? []);
    if (text === before) return;
    if (rows.length > 0) await write(path, text);
    else {
      await Deno.remove(path).catch((cause) => {
        throw writeError(path, cause);
      });
    }
    there.set(tp, rows);
    texts.set(tp, text);
  }
  return {
    async around(tp, writeTable): Promise<void> {
      const now = new Map(estimates.get(tp));
      const before = (there.get(tp) ?? []).filter(({ key }) => !now.has(rowText(null, key)));
      await list(tp, [...now.values(), ...before]);
      await writeTable();
      if (before.length > 0) await list(tp, [...now.values()]);
    },
  };
}
