/**
 * The parts of a comparison's report.
 *
 * @module
 */
import { type BundleDiff, diffBundles, type TableDiff } from "../../check/diff.ts";
import type { Bundle } from "../../bundle/open.ts";
import type { Model } from "../../model/model.ts";
import { type Figure, subjectOf } from "../figure.ts";
import { type Choice, figureMenu } from "../figure_menu.ts";
import { bundleNames, diffMap, diffSummary } from "../figures/diff_map.ts";
import { iterationTimeline } from "../figures/iteration.ts";
import { bundleCommunication, decodeIterations } from "../iterations.ts";
import { formatCount, plural } from "../../count_text.ts";
import { bundleFacts } from "./facts.ts";
import { menuChunks } from "./menu_chunks.ts";
import type { Section } from "./section.ts";

/**
 * Gathers all that there is to see of two bundles.
 *
 * @param a The first bundle.
 * @param b The second bundle.
 * @param models The models of both, for whole iterations; without them there are none.
 * @returns The parts in their order.
 */
export async function diffSections(
  a: Bundle,
  b: Bundle,
  models?: readonly [Model, Model],
): Promise<Section[]> {
  const diff = diffBundles(a, b);
  return [
    { heading: "Summary", tables: [factsSideBySide(a, b)] },
    ...await iterationSection(a, b, models),
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

/** KV length of the decodes whose iterations are compared, where both bundles reach as far. */
const USUAL_KV = 2048;
/** Batches of decodes that are compared, where both bundles reach as far. */
const BATCHES = [1, 16, 64, 256];

/** The facts of both, a mark where they differ. */
function factsSideBySide(a: Bundle, b: Bundle): Record<string, string>[] {
  const [first, second] = [a, b].map((bundle) =>
    new Map(bundleFacts(bundle).map(({ fact, value }) => [fact, value]))
  );
  return [...new Set([...first!.keys(), ...second!.keys()])].map((fact) => {
    const [left, right] = [first!.get(fact) ?? "", second!.get(fact) ?? ""];
    return { fact, first: left, second: right, differs: left === right ? "" : "≠" };
  });
}

/** Whole iterations of the degrees and batches that both can answer. */
async function iterationSection(
  a: Bundle,
  b: Bundle,
  models?: readonly [Model, Model],
): Promise<Section[]> {
  if (models === undefined) return [];
  const bundles = await Promise.all([a, b].map(async (bundle, i) => {
    const communicationAt = await bundleCommunication(bundle);
    return { bundle, model: models[i]!, communicationAt };
  }));
  const [first, second] = bundleNames(subjectOf(a, 1), subjectOf(b, 1));
  const names = first === "the first" ? ["first", "second"] : [first, second];
  const choices = commonTps(a, b).flatMap((tp): Choice[] => {
    const reach = bundles.map(({ bundle }) => reachOf(bundle, tp));
    const kv = Math.min(USUAL_KV, ...reach.map(({ kv }) => kv));
    const most = Math.min(...reach.map(({ decodes }) => decodes));
    return BATCHES.filter((count) => count <= most).map((count) => {
      const iterations = bundles.map(({ bundle, model, communicationAt }, i) => {
        const communication = communicationAt(tp);
        const query = { tp, kv, requests: [count], communication };
        const [, estimate, error] = decodeIterations(bundle, model, query)[0]!;
        return { name: names[i]!, estimate, error };
      });
      const batch = `${bundles.map(({ bundle }) => nameOf(bundle)).reverse().join(" against ")}, tp ${tp}, ${
        plural(count, "decode")
      } at KV length ${formatCount(kv)}`;
      return {
        name: `${plural(count, "decode")}, tp ${tp}`,
        figure: iterationTimeline({ batch, iterations }),
      };
    });
  });
  return choices.length === 0 ? [] : [{ heading: "Whole iterations", figures: [figureMenu(choices)] }];
}

function commonTps(a: Bundle, b: Bundle): number[] {
  return a.tps.filter((tp) => b.tps.includes(tp));
}

function nameOf({ meta }: Bundle): string {
  return `${meta.model?.split("/").at(-1) ?? "?"} on ${meta.hardware ?? "?"}`;
}

/** How far the decodes of a table reach. */
function reachOf(bundle: Bundle, tp: number): { kv: number; decodes: number } {
  const decodes = bundle.table(tp, "attention").filter(({ key }) => key[0] === 0);
  return decodes.reduce((most, { key }) => ({
    kv: Math.max(most.kv, key[3]!),
    decodes: Math.max(most.decodes, key[2]!),
  }), { kv: 0, decodes: 0 });
}

/**
 * Ratios as a table.
 *
 * @param tables Tables and layers.
 * @returns A line for each, ratios to three decimals.
 *
 * @example
 * ```ts
 * import { diffBundles, diffTable } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = (dir: string, timeUs: number) => ({
 *   dir, meta: { hardware: dir }, tps: [1], issues: [], skew: () => [], skewFit: () => [], estimated: () => [],
 *   table: () => [{ layer: "o_proj", key: [16], timeUs }],
 * });
 * const { tables } = diffBundles(bundle("H100", 10), bundle("H200", 8));
 * assert.equal(diffTable(tables)[0]!["50%"], "0.800");
 * ```
 */
export function diffTable(tables: readonly TableDiff[]): Record<string, string | number>[] {
  const text = (ratio: number | undefined): string => ratio === undefined ? "-" : ratio.toFixed(3);
  const apart = tables.some(({ onlyA, onlyB }) => onlyA > 0 || onlyB > 0);
  return tables.map(({ table, layer, common, onlyA, onlyB, ratio }) => ({
    table,
    layer: layer ?? "",
    shots: formatCount(common),
    ...apart && { "only 1st": formatCount(onlyA), "only 2nd": formatCount(onlyB) },
    min: text(ratio?.min),
    "10%": text(ratio?.p10),
    "50%": text(ratio?.p50),
    "90%": text(ratio?.p90),
    max: text(ratio?.max),
  }));
}

function diffFigures(a: Bundle, b: Bundle, tp: number, diff: BundleDiff): Figure[] {
  const tables = diff.tables.filter((table) => table.tp === tp && table.ratio !== null);
  if (tables.length === 0) return [];
  const about = { a: subjectOf(a, tp), b: subjectOf(b, tp) };
  const [rowsA, rowsB] = [a.table(tp, "attention"), b.table(tp, "attention")];
  const chunks = commonChunks(rowsA, rowsB);
  const choices = chunks.map((chunk) => ({
    name: chunk === 0 ? "decodes alone" : `with a prefill of ${formatCount(chunk)}`,
    figure: diffMap({ ...about, rowsA, rowsB, chunk }),
  }));
  return [diffSummary({ ...about, tables }), ...(choices.length === 0 ? [] : [figureMenu(choices)])];
}

/** Chunks with which both bundles have the same decodes: all of a short list, powers of four of a long one. */
function commonChunks(a: ReturnType<Bundle["table"]>, b: ReturnType<Bundle["table"]>): readonly number[] {
  const decodes = (rows: typeof a): string[] =>
    rows.filter(({ key }) => key[1] === 0 && key[2]! > 0).map(({ key }) => key.join());
  const inB = new Set(decodes(b));
  const all = decodes(a).filter((key) => inB.has(key)).map((key) => Number(key.split(",")[0]));
  return menuChunks([...new Set(all)].sort((x, y) => x - y));
}
