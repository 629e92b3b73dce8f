/**
 * Which tables and layers a bundle has, checked.
 *
 * @module
 */
import type { Architecture } from "../../model/model.ts";
import type { Simulator } from "../../bundle/simulator.ts";
import type { Category } from "../../shots/shot.ts";
import { type BundleFiles, populatedTps } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import { tablePath } from "../../bundle/layout.ts";

/** What August does without a table. */
const WITHOUT: Readonly<Record<Category, Pick<Issue, "severity" | "message">>> = {
  dense: { severity: "warning", message: "A simulator leaves out the table's layers with a warning" },
  per_sequence: { severity: "warning", message: "A simulator leaves out the table's layers with a warning" },
  attention: { severity: "error", message: "A simulator finds no attention time" },
  linear_attention: {
    severity: "warning",
    message: "A simulator takes the layers with a recurrent state for ones that do not run",
  },
  moe: { severity: "error", message: "A simulator finds no experts' time" },
};

/** What is known of the reader. */
interface Reader {
  /** The layers that it asks for; without it they are taken from the tables. */
  readonly architecture?: Architecture;
  /** Who it is. */
  readonly simulator: Simulator;
}

/** v1.2 skips layers of a block, but not those of prologue and head, which are in these tables. */
const NEEDED_BY_NEWER: readonly Category[] = ["dense", "per_sequence"];
const WITHOUT_NEWER = "v1.2 fails at the layers before and after the blocks";

/**
 * Checks that the tables are there, have rows and name the same layers at every degree.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param reader Who reads them.
 * @returns What is missing.
 */
export function checkTables(files: BundleFiles, tables: LazyTables, reader: Reader): Issue[] {
  const { architecture } = reader;
  const tps = populatedTps(files);
  const moeTps = hasExperts(files, architecture) ? tps.slice(0, 1) : [];
  const hasStates = Object.keys(architecture?.catalog.linear_attention ?? {}).length > 0;
  return [
    ...tps.flatMap((tp) =>
      ([
        "dense",
        "per_sequence",
        "attention",
        ...hasStates ? ["linear_attention"] as const : [],
      ] as const).flatMap((category) => presence(files, tables, tp, category, reader))
    ),
    ...moeTps.flatMap((tp) => presence(files, tables, tp, "moe", reader)),
    ...tps.slice(1).flatMap((tp) => unreadMoe(files, tp)),
    ...(["dense", "per_sequence", "linear_attention"] as const).flatMap((category) =>
      layerIssues(files, tables, tps, category, reader)
    ),
  ];
}

/** Experts are read at the lowest degree only, whether or not the table is there. */
function hasExperts(files: BundleFiles, architecture: Architecture | undefined): boolean {
  if (architecture !== undefined) return Object.keys(architecture.catalog.moe).length > 0;
  return files.tps.some((tp) => files.tables.get(tp)?.moe !== undefined);
}

function presence(
  files: BundleFiles,
  tables: LazyTables,
  tp: number,
  category: Category,
  { simulator }: Reader,
): Issue[] {
  const { rows, others } = tables.table(tp, category);
  const newer = simulator === "v1.2";
  if (rows.length > 0 || (newer && others.length > 0)) return [];
  const missing = files.tables.get(tp)?.[category] === undefined;
  return [{
    code: missing ? "table-missing" : "table-empty",
    path: tablePath(files.dir, tp, category),
    expected: "a table with rows",
    found: missing ? "no file" : "no row that can be used",
    ...WITHOUT[category],
    ...newer && NEEDED_BY_NEWER.includes(category) && { severity: "error", message: WITHOUT_NEWER },
  }];
}

function unreadMoe(files: BundleFiles, tp: number): Issue[] {
  if (files.tables.get(tp)?.moe === undefined) return [];
  return [{
    code: "table-unread",
    severity: "warning",
    path: tablePath(files.dir, tp, "moe"),
    message: "Experts' times are read at the lowest degree only",
  }];
}

function layerIssues(
  files: BundleFiles,
  tables: LazyTables,
  tps: readonly number[],
  category: "dense" | "per_sequence" | "linear_attention",
  { architecture, simulator }: Reader,
): Issue[] {
  const { prologue = [], head = [] } = architecture?.sequence ?? {};
  const needed = simulator === "v1.2" ? [...prologue, ...head] : [];
  const found = new Map(
    tps.map((tp) => [tp, new Set(tables.table(tp, category).rows.map(({ layer }) => layer ?? ""))]),
  );
  const catalog = architecture?.catalog[category];
  const wanted = catalog === undefined
    ? new Set([...found.values()].flatMap((layers) => [...layers]))
    : Object.keys(catalog);
  const readFromTp1 = (layer: string): boolean =>
    catalog?.[layer]?.tp_stable === true && found.get(1)?.has(layer) === true;
  return [...found].filter(([, layers]) => layers.size > 0).flatMap(([tp, layers]) =>
    [...wanted].filter((layer) => !layers.has(layer) && !readFromTp1(layer)).map((layer): Issue => ({
      code: "layer-missing",
      severity: needed.includes(layer) ? "error" : "warning",
      path: tablePath(files.dir, tp, category),
      expected: `rows of ${layer}`,
      message: needed.includes(layer)
        ? WITHOUT_NEWER
        : category === "linear_attention"
        ? "A simulator takes the layer for one that does not run"
        : "A simulator leaves out the layer with a warning",
    }))
  );
}
