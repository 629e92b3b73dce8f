/**
 * Rows of layers that an architecture no longer has.
 *
 * @module
 */
import { tablePath } from "../bundle/layout.ts";
import type { Architecture } from "../model/model.ts";
import type { Rows } from "./rows.ts";

/**
 * Finds rows of layers that the architecture does not name; they are kept.
 *
 * @param dir The bundle's folder.
 * @param rows Its rows.
 * @param architecture The architecture.
 * @returns One sentence per table that has such rows.
 */
export function removedLayers(dir: string, rows: Rows, architecture: Architecture): string[] {
  const notices: string[] = [];
  for (const [tp, tables] of rows) {
    for (const [category, table] of tables) {
      const named: Readonly<Record<string, unknown>> = architecture.catalog[category] ?? {};
      const layers = new Set([...table.values()].map(({ layer }) => layer).filter((layer) => layer !== null));
      const removed = [...layers].filter((layer) => !Object.hasOwn(named, layer)).sort();
      if (removed.length > 0) {
        notices.push(
          `${tablePath(dir, tp, category)}: rows of layers that the architecture does not name are kept (${
            removed.join(", ")
          })`,
        );
      }
    }
  }
  return notices;
}
