/**
 * Which tables and layers a bundle has, checked.
 *
 * @module
 */
import type { Architecture } from "../../model/model.ts";
import type { Category } from "../../shots/shot.ts";
import { type BundleFiles, populatedTps } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import { tablePath } from "../../bundle/layout.ts";

/** What a simulator does without a table. */
const WITHOUT: Readonly<Record<Category, Pick<Issue, "severity" | "message">>> = {
  dense: { severity: "warning", message: "A simulator leaves out the table's layers with a warning" },
  per_sequence: { severity: "warning", message: "A simulator leaves out the table's layers with a warning" },
  attention: { severity: "error", message: "A simulator finds no attention time" },
  moe: { severity: "error", message: "A simulator finds no experts' time" },
};

/**
 * Checks that the tables are there, have rows and name the same layers at every degree.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param architecture The layers that a simulator asks for; without it they are taken from the tables.
 * @returns What is missing.
 */
export function checkTables(files: BundleFiles, tables: LazyTables, architecture?: Architecture): Issue[] {
  const tps = populatedTps(files);
  const moeTps = hasExperts(files, architecture) ? tps.slice(0, 1) : [];
  return [
    ...tps.flatMap((tp) =>
      (["dense", "per_sequence", "attention"] as const).flatMap((category) =>
        presence(files, tables, tp, category)
      )
    ),
    ...moeTps.flatMap((tp) => presence(files, tables, tp, "moe")),
    ...tps.slice(1).flatMap((tp) => unreadMoe(files, tp)),
    ...(["dense", "per_sequence"] as const).flatMap((category) =>
      layerIssues(files, tables, tps, category, architecture)
    ),
  ];
}

/** Experts are read at the lowest degree only, whether or not the table is there. */
function hasExperts(files: BundleFiles, architecture: Architecture | undefined): boolean {
  if (architecture !== undefined) return Object.keys(architecture.catalog.moe).length > 0;
  return files.tps.some((tp) => files.tables.get(tp)?.moe !== undefined);
}

function presence(files: BundleFiles, tables: LazyTables, tp: number, category: Category): Issue[] {
  if (tables.table(tp, category).rows.length > 0) return [];
  const missing = files.tables.get(tp)?.[category] === undefined;
  return [{
    code: missing ? "table-missing" : "table-empty",
    path: tablePath(files.dir, tp, category),
    expected: "a table with rows",
    found: missing ? "no file" : "no row that can be used",
    ...WITHOUT[category],
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
  category: "dense" | "per_sequence",
  architecture: Architecture | undefined,
): Issue[] {
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
      severity: "warning",
      path: tablePath(files.dir, tp, category),
      expected: `rows of ${layer}`,
      message: "A simulator leaves out the layer with a warning",
    }))
  );
}
