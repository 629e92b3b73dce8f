/**
 * The parts of a comparison's report.
 *
 * @module
 */
import { type BundleDiff, diffBundles, type TableDiff } from "../../check/diff.ts";
import type { Bundle } from "../../bundle/open.ts";
import { type Figure, subjectOf } from "../figure.ts";
import { diffMap, diffSummary } from "../figures/diff_map.ts";
import { formatCount, plural } from "../text.ts";
import { bundleFacts } from "./facts.ts";
import type { Section } from "./section.ts";

/**
 * Gathers all that there is to see of two bundles.
 *
 * @param a The first bundle.
 * @param b The second bundle.
 * @returns The parts in their order.
 */
export function diffSections(a: Bundle, b: Bundle): Section[] {
  const diff = diffBundles(a, b);
  return [
    { heading: "The first", tables: [bundleFacts(a)] },
    { heading: "The second", tables: [bundleFacts(b)] },
    ...diff.tps.map((tp) => ({
      heading: `Ratios at tp ${tp}`,
      text:
        "Time of the second over time of the first, for the shots that both have: below 1 the second is faster.",
      tables: [diffTable(diff.tables.filter((table) => table.tp === tp))],
      figures: diffFigures(a, b, tp, diff),
    })),
    ...(diff.otherTps.length === 0 ? [] : [{
      heading: "Not compared",
      text: `Only one has ${plural(diff.otherTps.length, "degree")}: tp ${diff.otherTps.join(", ")}.`,
    }]),
  ];
}

/**
 * Ratios as a table.
 *
 * @param tables Tables and layers.
 * @returns A line for each, ratios to three decimals.
 */
export function diffTable(tables: readonly TableDiff[]): Record<string, string | number>[] {
  const text = (ratio: number | undefined): string => ratio === undefined ? "-" : ratio.toFixed(3);
  return tables.map(({ table, layer, common, onlyA, onlyB, ratio }) => ({
    table,
    layer: layer ?? "",
    "common shots": formatCount(common),
    "only first": formatCount(onlyA),
    "only second": formatCount(onlyB),
    smallest: text(ratio?.min),
    "10%": text(ratio?.p10),
    median: text(ratio?.p50),
    "90%": text(ratio?.p90),
    largest: text(ratio?.max),
  }));
}

function diffFigures(a: Bundle, b: Bundle, tp: number, diff: BundleDiff): Figure[] {
  const tables = diff.tables.filter((table) => table.tp === tp && table.ratio !== null);
  if (tables.length === 0) return [];
  const about = { a: subjectOf(a, tp), b: subjectOf(b, tp) };
  const [rowsA, rowsB] = [a.table(tp, "attention"), b.table(tp, "attention")];
  const chunks = commonChunks(rowsA, rowsB);
  const shown = [...new Set([chunks[0], chunks[chunks.length >> 1], chunks.at(-1)])]
    .filter((chunk) => chunk !== undefined);
  return [
    diffSummary({ ...about, tables }),
    ...shown.map((chunk) => diffMap({ ...about, rowsA, rowsB, chunk })),
  ];
}

/** Chunks beside which both bundles have the same decodes. */
function commonChunks(a: ReturnType<Bundle["table"]>, b: ReturnType<Bundle["table"]>): number[] {
  const decodes = (rows: typeof a): string[] =>
    rows.filter(({ key }) => key[1] === 0 && key[2]! > 0).map(({ key }) => key.join());
  const inB = new Set(decodes(b));
  return [...new Set(decodes(a).filter((key) => inB.has(key)).map((key) => Number(key.split(",")[0])))]
    .sort((x, y) => x - y);
}
