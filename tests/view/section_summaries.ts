/** Parts of reports in short: their words and tables whole, of each figure what it says and a sum. */
import { openBundle } from "../../src/bundle/open.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { Figure } from "../../src/view/figure.ts";
import { bundleSections } from "../../src/view/report/bundle_sections.ts";
import { diffSections } from "../../src/view/report/diff_sections.ts";
import type { Category } from "../../src/shots/shot.ts";
import type { Section } from "../../src/view/report/section.ts";
import { CASE, SMALL } from "./small_bundle.ts";

/** What a figure says, what its menu offers, and the sum of all numbers that it draws. */
function summaryOf({ data, layout }: Figure): Record<string, unknown> {
  const { title, subtitle } = (layout["meta"] ?? {}) as { title?: string; subtitle?: string };
  const menus = (layout["updatemenus"] ?? []) as { buttons?: { label?: string }[] }[];
  const labels = menus.flatMap(({ buttons = [] }) => buttons.map(({ label }) => label));
  return { title, subtitle, ...labels.length > 0 && { labels }, sum: Number(sumOf(data).toPrecision(6)) };
}

function sumOf(value: unknown): number {
  if (typeof value === "number") return Number.isFinite(value) ? value : 0;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, part) => sum + sumOf(part), 0);
}

function summaries(sections: readonly Section[], dir: string): unknown {
  return JSON.parse(
    JSON.stringify(
      sections.map(({ figures, ...section }) => ({
        ...section,
        ...figures && { figures: figures.map(summaryOf) },
      })),
    ).replaceAll(dir, "@"),
  );
}

/** The parts of all reports by name. */
export async function sectionSummaries(): Promise<Record<string, unknown>> {
  const root = await Deno.makeTempDir();
  const dir = `${root}/a/bundle`;
  await Deno.mkdir(dir, { recursive: true });
  try {
    const added: Partial<Record<Category, Row[]>> = {
      linear_attention: [[0, 1], [64, 1]].map((key) => ({ layer: "gdn", key, timeUs: 8 + key[0]! })),
      // A chunk without decodes, and one that is measured behind a history alone: no map shows them.
      attention: [[32, 0, 0, 0], [8, 16, 1, 16]].map((key) => ({ layer: null, key, timeUs: 9 })),
    };
    const table: typeof SMALL.table = (tp, category) => [
      ...SMALL.table(tp, category),
      ...added[category] ?? [],
    ];
    const shots = (tp: number): Row[] =>
      ["sliding_attention", null].flatMap((layer) =>
        SMALL.table(tp, "attention").map((row) => ({ ...row, layer }))
      );
    const small = { ...SMALL, dir, table, shots };
    const doubled = {
      ...{ ...SMALL, dir, table, tps: [1] },
      meta: { ...SMALL.meta, quantity: "estimate" as const, hardware: "H200", model: "o/x" },
      skew: () => [CASE, { ...CASE, kvs: 20, t_skew_us: 18 }],
    };
    const [bundle, other] = await Promise.all(
      ["meta-llama/Llama-3.1-8B", "Qwen/Qwen3-32B"].map((id) => openBundle(`perf/H100/${id}/bf16`)),
    );
    const [model, larger] = await Promise.all(
      [bundle!, other!].map(({ meta }) => loadModel(meta.model!)),
    );
    return {
      "a small bundle": summaries(await bundleSections(small), dir),
      "a small estimate": summaries(await bundleSections(doubled), dir),
      "two small bundles": summaries(await diffSections(small, doubled), dir),
      "a measured bundle": summaries(await bundleSections(bundle!, { model: model! }), "perf/"),
      "two measured bundles": summaries(await diffSections(bundle!, other!, [model!, larger!]), "perf/"),
    };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
