/**
 * Which of a bundle's tables are to be written again, and their writing.
 *
 * @module
 */
import { dirname } from "node:path";
import { tablePath } from "../bundle/layout.ts";
import { formatSkew, type SkewRow } from "../bundle/skew.ts";
import { formatRows, type Row } from "../bundle/tables.ts";
import { writeError } from "../files/write.ts";
import { stableLayers } from "../model/layers.ts";
import type { Architecture } from "../model/model.ts";
import { type Category, CATEGORY_ORDER, type SweepCategory } from "../shots/shot.ts";
import { estimatedRows, type EstimateLists, type Estimates } from "./estimates.ts";
import { degreesOf, fileRows, type Rows } from "./rows.ts";

/** Rows of tables, by `tp<N>` and category; a table without rows is not among them. */
export type TableCounts = Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;

/** The files of a bundle's tables. */
export interface TableFiles {
  /** Notes that rows of a table have changed; files that depend on them are noted too. */
  touch(tp: number, category: SweepCategory): void;
  /**
   * Writes the files whose rows have changed.
   *
   * @returns Whether there were any.
   * @throws {UsageError} when the disk refuses; what could not be written stays noted.
   */
  write(): Promise<boolean>;
  /** How many rows the files have. */
  counts(): TableCounts;
}

/** Where the files' rows come from. */
export interface TableSource {
  /** The rows of the categories. */
  readonly rows: Rows;
  /** Attention rows that are predictions. */
  readonly estimates: Estimates;
  /** The lists of these. */
  readonly lists: EstimateLists;
  /** The rows of the skew cases at a degree; they depend on those of attention. */
  skewRows(tp: number): SkewRow[];
}

/**
 * Keeps the files of a bundle's tables.
 *
 * @param dir The bundle's folder.
 * @param source The rows, which may change at any time.
 * @param architecture Says which layers are copied from degree 1 to the others.
 * @param write Writes a whole file.
 * @returns The files; none is written yet.
 */
export function tableFiles(
  dir: string,
  { rows, estimates, lists, skewRows }: TableSource,
  architecture: Architecture,
  write: (path: string, text: string) => Promise<void>,
): TableFiles {
  const touched = new Map<string, readonly [number, SweepCategory]>();
  const stable = new Map(
    CATEGORY_ORDER.map((category) => [category, stableLayers(architecture, [category])]),
  );
  const copied = CATEGORY_ORDER.filter((category) => stable.get(category)!.size > 0);
  /** Of tables of skew cases that were not touched since they were counted. */
  const skewCounts = new Map<number, number>();
  const touchOne = (tp: number, category: SweepCategory): void => {
    touched.set(`${tp} ${category}`, [tp, category]);
    if (category === "skew") skewCounts.delete(tp);
  };
  const countedSkew = (tp: number): SkewRow[] => {
    const cases = skewRows(tp);
    skewCounts.set(tp, cases.length);
    return cases;
  };
  const rowsOf = (tp: number, category: Category): Row[] => {
    const predicted = category === "attention" ? estimatedRows(estimates, tp) : [];
    return [...fileRows(rows, tp, category, stable.get(category)!), ...predicted];
  };
  const countOf = (tp: number, category: SweepCategory): number => {
    if (category === "skew") return skewCounts.get(tp) ?? countedSkew(tp).length;
    return rowsOf(tp, category).length;
  };
  const textOf = (tp: number, category: SweepCategory): string | null => {
    if (category === "skew") {
      const cases = countedSkew(tp);
      return cases.length === 0 ? null : formatSkew(cases);
    }
    const shown = rowsOf(tp, category);
    return shown.length === 0 ? null : formatRows(category, shown);
  };
  return {
    touch(tp, category): void {
      touchOne(tp, category);
      if (category === "attention") touchOne(tp, "skew");
      if (category === "skew") return;
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
        const text = textOf(tp, category);
        touched.delete(id);
        try {
          if (text === null) continue;
          await Deno.mkdir(dirname(path), { recursive: true }).catch((cause) => {
            throw writeError(path, cause);
          });
          const writeTable = (): Promise<void> => write(path, text);
          await (category === "attention" ? lists.around(tp, writeTable) : writeTable());
        } catch (error) {
          touched.set(id, [tp, category]);
          throw error;
        }
      }
      return any;
    },
    counts(): TableCounts {
      const degrees = degreesOf(rows).map((tp) => {
        const counts = [...CATEGORY_ORDER, "skew" as const].map((
          category,
        ) => [category, countOf(tp, category)]);
        return [`tp${tp}`, Object.fromEntries(counts.filter(([, count]) => count !== 0))];
      });
      return Object.fromEntries(degrees);
    },
  };
}
