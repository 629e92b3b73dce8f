/**
 * Which of a bundle's tables are to be written again, and their writing.
 *
 * @module
 */
import { dirname } from "node:path";
import { tablePath } from "../bundle/layout.ts";
import { formatTable } from "../bundle/tables.ts";
import { writeError } from "../bundle/write.ts";
import type { Architecture } from "../model/model.ts";
import { type Category, CATEGORY_ORDER } from "../sweep/shot.ts";
import { degreesOf, fileRows, type Rows } from "./rows.ts";
import { stableLayers } from "./timed_layers.ts";

/** The files of a bundle's tables. */
export interface TableFiles {
  /** Notes that rows of a table have changed; files that show copies of them are noted too. */
  touch(tp: number, category: Category): void;
  /**
   * Writes the files whose rows have changed.
   *
   * @returns Whether there were any.
   * @throws {UsageError} when the disk refuses; what could not be written stays noted.
   */
  write(): Promise<boolean>;
}

/**
 * Keeps the files of a bundle's tables.
 *
 * @param dir The bundle's folder.
 * @param rows The rows, which may change at any time.
 * @param architecture Says which layers are copied from degree 1 to the others.
 * @param write Writes a whole file.
 * @returns The files; none is written yet.
 */
export function tableFiles(
  dir: string,
  rows: Rows,
  architecture: Architecture,
  write: (path: string, text: string) => Promise<void>,
): TableFiles {
  const touched = new Map<string, readonly [number, Category]>();
  const stable = new Map(CATEGORY_ORDER.map((category) => [category, stableLayers(architecture, category)]));
  const copied = CATEGORY_ORDER.filter((category) => stable.get(category)!.size > 0);
  const touchOne = (tp: number, category: Category): void =>
    void touched.set(`${tp} ${category}`, [tp, category]);
  return {
    touch(tp, category): void {
      touchOne(tp, category);
      if (tp === 1 && copied.includes(category)) {
        for (const other of degreesOf(rows)) touchOne(other, category);
      } else if (tp > 1) {
        for (const other of copied) touchOne(tp, other);
      }
    },
    async write(): Promise<boolean> {
      const any = touched.size > 0;
      for (const [id, [tp, category]] of touched) {
        const path = tablePath(dir, tp, category);
        const shown = fileRows(rows, tp, category, stable.get(category)!);
        touched.delete(id);
        try {
          if (shown.length === 0) continue;
          await Deno.mkdir(dirname(path), { recursive: true }).catch((cause) => {
            throw writeError(path, cause);
          });
          await write(path, formatTable(category, shown));
        } catch (error) {
          touched.set(id, [tp, category]);
          throw error;
        }
      }
      return any;
    },
  };
}
