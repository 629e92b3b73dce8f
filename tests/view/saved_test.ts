/**
 * Every figure, table and text of a small bundle, to the digit, as `tests/data/view.jsonl` holds it, one to a line. Who
 * means to change what is drawn writes it anew: `SHOTLAB_SAVE=1 deno test -A tests/view/saved_test.ts`, and reads the
 * difference.
 */
import assert from "node:assert/strict";
import { formatSkew } from "../../src/bundle/skew.ts";
import { formatRows } from "../../src/bundle/tables.ts";
import { openBundle, type WholeBundle } from "../../src/bundle/open.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { CATEGORY_ORDER } from "../../src/shots/shot.ts";
import type { Figure } from "../../src/view/figure.ts";
import { figureCsv } from "../../src/view/figure_csv.ts";
import { bundleSections } from "../../src/view/report/bundle_sections.ts";
import { diffSections } from "../../src/view/report/diff_sections.ts";
import {
  colorAt,
  DIVERGING,
  inkOn,
  inkOnSeries,
  layerLooks,
  layoutOf,
  lookOf,
  orderedLook,
  SEQUENTIAL,
} from "../../src/view/theme.ts";
import { FIGURES } from "./made_figures.ts";
import { MORE } from "./more_figures.ts";
import { sectionSummaries } from "./section_summaries.ts";
import { SMALL } from "./small_bundle.ts";

const FILE = new URL("../data/view.jsonl", import.meta.url);
const MODEL = await loadModel("microsoft/Phi-mini-MoE-instruct");

const META = `hardware: H100
model: ${MODEL.id}
variant: bf16
dtype: bfloat16
kv_cache_dtype: auto
quantity: kernel
engine: vllm
engine_version: 0.26.0
devices: [NVIDIA H100 80GB HBM3]
driver: '550.1'
runtime: torch 2.9.0
tp_degrees: [1, 2]
max_num_batched_tokens: 64
max_num_seqs: 4
attention_max_kv: 64
profiled_at: '2026-03-01T09:30:00+00:00'
iterations_per_shot: 3
duration_s: {tp1: {dense: 3.5, attention: 61}, tp2: {dense: 2}}
noise: {spread_p50: 0.01, spread_p90: 0.02, sentinels: 3, sentinel_drift_p50: 0.01, sentinel_drift_max: 0.04, measured_again: 0.1, in_doubt: 2}
failed_shots: 1
`;
const STATE = { memory_clock_mhz: null, temperature_c: null, power_w: null, throttle: [] };

/** Lines of a journal: shots whose samples scatter, clocks that fall, and sentinels, the last of which has moved. */
function journal(): string {
  const identity = {
    ...{ harness: "vllm", harness_version: "1", engine: "vllm", engine_version: "0.26.0" },
    ...{ device: "NVIDIA H100 80GB HBM3", driver: "550.1", runtime: "torch 2.9.0" },
    ...{ dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "kernel" },
  };
  const watch = { every_s: 30, share: 0.03 };
  const sentinel = (timeUs: number): object => ({
    ...{ type: "sentinel", category: "attention", tp: 1, key: [16, 0, 1, 16], clock_mhz: 1900 },
    samples: { attention: [timeUs, timeUs, timeUs] },
  });
  const shots = [1, 16, 64].flatMap((tokens, at): object[] => [
    { type: "state", sm_clock_mhz: 1980 - 30 * at, ...STATE },
    {
      ...{ type: "shot", category: "dense", tp: 1, key: [tokens] },
      samples: Object.fromEntries(
        SMALL.table(1, "dense").filter(({ key }) => key[0] === tokens)
          .map(({ layer, timeUs }) => [layer, [0.97, 1, 1.02].map((factor) => timeUs * factor)]),
      ),
    },
    sentinel([7.5, 7.6, 8][at]!),
  ]);
  const lines = [
    { type: "session", format: 2, started: "2026-03-01T09:30:00Z", identity, settings: {}, watch },
    ...shots,
  ];
  return lines.map((line) => JSON.stringify(line) + "\n").join("");
}

async function withBundles(use: (bundle: WholeBundle, other: WholeBundle) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const write = async (
    folder: string,
    meta: string,
    tps: readonly number[],
    factor: number,
  ): Promise<WholeBundle> => {
    await Deno.mkdir(`${dir}/${folder}`, { recursive: true });
    await Deno.writeTextFile(`${dir}/${folder}/meta.yaml`, meta);
    await Deno.writeTextFile(`${dir}/${folder}/journal.jsonl`, journal());
    for (const tp of tps) {
      await Deno.mkdir(`${dir}/${folder}/tp${tp}`);
      for (const category of CATEGORY_ORDER) {
        const rows = SMALL.table(tp, category).map((row, i) => ({
          ...row,
          timeUs: row.timeUs * (1 + factor * (i % 5 - 3)),
        }));
        if (rows.length === 0) continue;
        await Deno.writeTextFile(`${dir}/${folder}/tp${tp}/${category}.csv`, formatRows(category, rows));
      }
      await Deno.writeTextFile(`${dir}/${folder}/tp${tp}/skew.csv`, formatSkew(SMALL.skew(tp)));
    }
    return await openBundle(`${dir}/${folder}`);
  };
  try {
    const bundle = await write("H100", META, [1, 2], 0);
    const other = await write("H200", META.replace("hardware: H100", "hardware: H200"), [1], 0.1);
    await use(bundle, other);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** What a platform may round otherwise is no other number. */
function toNineDigits(_: string, value: unknown): unknown {
  return typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(9)) : value;
}

/** A figure, parts of its layout left out that the first figure has just so. */
function ownParts({ data, layout }: Figure): Figure {
  const usual = Object.values(FIGURES)[0]![0].layout;
  const isUsual = ([part, value]: [string, unknown]): boolean =>
    JSON.stringify(value) === JSON.stringify(usual[part]);
  return { data, layout: Object.fromEntries(Object.entries(layout).filter((part) => !isUsual(part))) };
}

/** Colours, markers and the lines of titles by rule. */
function looks(): Record<string, unknown> {
  const steps = Array.from({ length: 21 }, (_, at) => at / 20);
  const dark: typeof SEQUENTIAL = [[0, "#000000"], [0.5, "#0A0B0C"], [1, "#FFFFFF"]];
  const names = ["attention", "moe", "lm_head", "all_reduce", "gdn", "conv1d", "ssm", "mtp_fc", "experts"];
  const words = (count: number, last: string): string => `${"x ".repeat(count)}${last}`;
  const titles = [words(35, "ab"), words(35, "abc"), words(40, "y"), "z".repeat(80), ""];
  return {
    series: Array.from({ length: 25 }, (_, at) => lookOf(at)),
    ordered: [1, 2, 3, 5].map((count) => Array.from({ length: count }, (_, at) => orderedLook(at, count))),
    layers: [...layerLooks([...names, ...names.map((name) => `${name}_2`)])],
    scales: [SEQUENTIAL, DIVERGING, dark].map((scale) => [-1, ...steps, 2].map((at) => colorAt(scale, at))),
    inks: steps.map((at) => [inkOn(colorAt(SEQUENTIAL, at)), inkOnSeries(colorAt(DIVERGING, at))]),
    titles: titles.map((title) => {
      const frame = { title, subtitle: `${title} ${title}`, xaxis: {}, yaxis: {} };
      const { title: text, margin, legend } = layoutOf(frame);
      return { text, margin, legend };
    }),
  };
}

/** What was made, by name; places of files are left out. */
const made = new Map<string, string>([
  ...Object.entries(FIGURES).map(([name, [figure]]) => [`figure: ${name}`, JSON.stringify(figure)] as const),
  ...Object.entries(MORE).map(([name, figure]) =>
    [`figure: ${name}`, JSON.stringify(ownParts(figure), toNineDigits)] as const
  ),
  ...[
    ...["layers with samples beside an estimate", "decodes, some predicted", "iterations over batches"],
    ...["a timeline with errors", "noise of two devices", "a menu", "candidates", "coverage beyond the grid"],
  ].map((name) => [`data: ${name}`, JSON.stringify(figureCsv(MORE[name]!).split("\n"))] as const),
  ...Object.entries(looks()).map(([name, part]) => [`look: ${name}`, JSON.stringify(part)] as const),
  ...Object.entries(await sectionSummaries()).map(([name, parts]) =>
    [`report of ${name}, in short`, JSON.stringify(parts)] as const
  ),
]);
await withBundles(async (bundle, other) => {
  const sections = {
    report: await bundleSections(bundle, { model: MODEL }),
    comparison: await diffSections(bundle, other, [MODEL, MODEL]),
  };
  const root = bundle.dir.replace(/\/H100$/, "");
  for (const [page, parts] of Object.entries(sections)) {
    for (const { heading, ...part } of parts) {
      if (heading === "Findings") continue; // what the validator says is for its own tests
      made.set(`${page}: ${heading}`, JSON.stringify(part).replaceAll(root, "perf"));
    }
  }
});

if (Deno.env.get("SHOTLAB_SAVE")) {
  const lines = Array.from(made, ([name, json]) => `{"name":${JSON.stringify(name)},"made":${json}}\n`);
  await Deno.writeTextFile(FILE, lines.join(""));
}
const saved = new Map(
  (await Deno.readTextFile(FILE)).trim().split("\n").map((line): [string, unknown] => {
    const { name, made } = JSON.parse(line);
    return [name, made];
  }),
);
for (const [name, json] of made) {
  Deno.test(`what is drawn and said is what was saved: ${name}`, () => {
    assert.deepEqual(JSON.parse(json), saved.get(name));
  });
}

Deno.test("all that was saved is made", () => {
  assert.deepEqual([...saved.keys()], [...made.keys()]);
});
