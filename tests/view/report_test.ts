import assert from "node:assert/strict";
import type { Issue } from "../../src/bundle/issue.ts";
import { openBundle } from "../../src/bundle/open.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { profile } from "../../src/run/profile.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { bundleSections } from "../../src/view/report/bundle_sections.ts";
import { diffSections, diffTable } from "../../src/view/report/diff_sections.ts";
import { bundleFacts } from "../../src/view/report/facts.ts";
import { issueTable } from "../../src/view/report/issue_table.ts";
import { pageHtml } from "../../src/view/report/page.ts";
import { bundleReport, comparisonReport } from "../../src/view/report/report.ts";
import { LARGEST, writeSyntheticBundle } from "../bench/synthetic_bundle.ts";
import { SMALL } from "./small_bundle.ts";

/** Figures in a page. */
const figures = (html: string): number => html.split("<figure>").length - 1;
const headings = (html: string): string[] =>
  [...html.matchAll(/<h2[^>]*>(.*?)<\/h2>/g)].map(([, text]) => text!);

async function withFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a page links to its parts where it has several", async () => {
  const page = (count: number): Promise<string> =>
    pageHtml({
      title: "t",
      banner: null,
      sections: ["one", "two"].slice(0, count).map((heading) => ({ heading })),
    });
  assert.doesNotMatch(await page(1), /<nav>/);
  assert.match(await page(2), /<nav><a href="#s0">one<\/a> <a href="#s1">two<\/a><\/nav>/);
});

Deno.test("the report of a bundle has all its parts, and says that an estimate is one", async () => {
  await withFolder(async (perfDir) => {
    const settings = { hardware: "H100", preset: "quick", skipSkew: false, perfDir } as const;
    const model = await loadModel("microsoft/Phi-mini-MoE-instruct");
    const bundle = await profile({ ...settings, model: model.id, harness: "roofline:H100" });
    const html = await bundleReport(bundle, { model });
    assert.deepEqual(headings(html), [
      "Summary",
      "Findings",
      "Layers",
      "Attention",
      "Experts",
      "A whole iteration",
      "Tensor parallelism",
      "Coverage",
      "Skewed batches, tp 1",
      "Skewed batches, tp 2",
      "Noise",
      "Cite this bundle",
    ]);
    assert.ok(figures(html) >= 15);
    assert.match(
      html,
      /<p class="banner">Nothing here was measured: the times of H100 are a roofline&#39;s estimate/,
    );
  });
});

Deno.test("kernels of several kinds of attention have slices of their own, recurrent layers a section", async () => {
  const table: typeof SMALL.table = (tp, category) => {
    const rows = SMALL.table(tp, category);
    if (category === "linear_attention") {
      return [[0, 1], [64, 1]].map((key) => ({ layer: "gdn", key, timeUs: 8 + key[0]! }));
    }
    return rows;
  };
  const shots = (tp: number): Row[] =>
    ["sliding_attention", null].flatMap((layer) =>
      SMALL.table(tp, "attention").map((row) => ({ ...row, layer }))
    );
  await withFolder(async (dir) => {
    const bundle = { ...SMALL, dir, table, shots };
    const html = await bundleReport(bundle);
    assert.ok(headings(html).includes("Recurrent layers"));
    for (
      const name of [
        "sliding_attention, decodes alone",
        "with a prefill of 16",
        "sliding_attention, prefills alone",
      ]
    ) {
      assert.ok(html.includes(`"label":"${name}"`), name);
    }
    assert.match(html, /gdn takes up to 72 µs/);
    assert.match(html, /sliding_attention with a prefill of 16 takes up to 15 µs/);
  });
});

Deno.test("the report of two bundles compares their common degrees", async () => {
  const html = await comparisonReport(SMALL, {
    ...SMALL,
    tps: [1],
    meta: { hardware: "H200", model: "o/x" },
  });
  assert.deepEqual(headings(html), ["Summary", "Ratios at tp 1", "Not compared"]);
  assert.match(html, /<h1>o\/x on H200 against o\/Small-1B on H100<\/h1>/);
  assert.equal(figures(html), 2);
});

Deno.test("bundles without decodes have no whole iterations to compare", async () => {
  const model = await loadModel("Qwen/Qwen3-0.6B");
  const table =
    ((tp, category) =>
      category === "attention"
        ? [{ layer: null, key: [16, 0, 0, 0], timeUs: 5 }]
        : SMALL.table(tp, category)) as typeof SMALL.table;
  const sections = await diffSections({ ...SMALL, table }, { ...SMALL, table }, [model, model]);
  assert.deepEqual(sections.map(({ heading }) => heading), ["Summary", "Ratios at tp 1", "Ratios at tp 2"]);
});

Deno.test("a table of ratios counts the shots that one of two has alone, where there is one", () => {
  const line = (onlyA: number, onlyB: number): string[] =>
    Object.keys(diffTable([{ tp: 1, table: "moe", layer: null, common: 1, onlyA, onlyB, ratio: null }])[0]!);
  const alone = ["only 1st", "only 2nd"];
  const all = ["table", "layer", "shots", ...alone, "min", "10%", "50%", "90%", "max"];
  assert.deepEqual([line(1, 0), line(0, 1)], [all, all]);
  assert.deepEqual(line(0, 0), all.filter((column) => !alone.includes(column)));
});

Deno.test("a degree whose rows have no rates leaves those of others in", async () => {
  const meta = { ...SMALL.meta, model: "meta-llama/Llama-3.1-8B" };
  const table =
    ((tp, category) => tp === 2 && category === "dense" ? SMALL.table(2, "dense") : []) as typeof SMALL.table;
  await withFolder(async (dir) => {
    const sections = await bundleSections({ ...SMALL, dir, meta, table, skew: () => [] });
    const [figure] = sections.find(({ heading }) => heading === "Achieved rates")!.figures!;
    assert.match((figure!.layout["meta"] as { subtitle: string }).subtitle, /^Llama-3\.1-8B on H100, tp 2, /);
  });
});

Deno.test("the report of the largest bundle takes 4 MB at most", async () => {
  await withFolder(async (dir) => {
    await writeSyntheticBundle(dir, LARGEST);
    const html = await bundleReport(await openBundle(dir));
    assert.ok(html.length <= 4e6, `${html.length} characters`);
  });
});

Deno.test("a page needs nothing else, and no text of a bundle becomes a mark in it", async () => {
  const evil = "</script><img src=x onerror=alert(1)>";
  const html = await pageHtml({
    title: evil,
    banner: evil,
    sections: [{
      heading: evil,
      text: evil,
      tables: [[{ [evil]: evil }]],
      figures: [{ data: [{ name: evil }], layout: { height: 1, meta: { title: evil, subtitle: evil } } }],
    }],
  });
  assert.ok(!html.includes("<img src=x"));
  assert.doesNotMatch(html.slice(0, html.indexOf("<script>")), /(?:src|href)="(?!#)/);
  assert.ok(html.includes(String.raw`"name":"\u003c/script>\u003cimg`));
});

Deno.test("bundleFacts states what meta.yaml states", () => {
  const facts = Object.fromEntries(bundleFacts(SMALL).map(({ fact, value }) => [fact, value]));
  assert.deepEqual(facts, {
    "folder": "perf/H100/o/Small-1B/bf16",
    "model": "o/Small-1B",
    "hardware": "H100",
    "variant": "bf16",
    "tensor-parallel degrees": "1, 2",
    "quantity": "kernel: the sum of the device's kernels",
    "rows": "dense 12, per_sequence 4, attention 18, moe 6, skew 2",
  });
});

Deno.test("bundleFacts says nothing of what meta.yaml leaves empty", () => {
  const empty = { model: null, hardware: "", vllm_version: null, profiled_at: undefined, failed_shots: 0 };
  const facts = bundleFacts({ ...SMALL, meta: empty as unknown as typeof SMALL.meta });
  assert.deepEqual(facts.map(({ fact }) => fact), [
    "folder",
    "tensor-parallel degrees",
    "rows",
    "failed shots",
  ]);
});

Deno.test("bundleFacts names an engine without its version, and an older bundle's vLLM", () => {
  const engine = (meta: object): string | undefined =>
    bundleFacts({ ...SMALL, meta: meta as typeof SMALL.meta }).find(({ fact }) => fact === "engine")?.value;
  assert.deepEqual(
    [{ engine: "vllm" }, { engine: "vllm", engine_version: "0.26.0" }, { vllm_version: "0.9.1" }, {}].map(
      engine,
    ),
    ["vllm", "vllm 0.26.0", "vLLM 0.9.1", undefined],
  );
});

Deno.test("bundleFacts names the processor that was measured", () => {
  const processor = { name: "AMD EPYC 9R14", cores: 2, instruction_sets: ["avx2", "avx512_bf16"] };
  const facts = bundleFacts({ ...SMALL, meta: { ...SMALL.meta, processor } });
  assert.deepEqual(facts.find(({ fact }) => fact === "processor"), {
    fact: "processor",
    value: "AMD EPYC 9R14 (2 cores; avx2 avx512_bf16)",
  });
});

Deno.test("bundleFacts tells how noisy the measurements are", () => {
  const noise = {
    spread_p50: 0.00586,
    spread_p90: 0.01673,
    sentinels: 54,
    sentinel_drift_max: 0.03632,
    in_doubt: 2688,
  };
  const facts = bundleFacts({ ...SMALL, meta: { ...SMALL.meta, noise } }).map(({ value }) => value);
  assert.deepEqual(facts.slice(-2), [
    "0.6% at the median, 1.7% at p90 (CV)",
    "54, drift at most 3.6%; 2,688 shots in doubt, before one that drifted",
  ]);
  const told = (more: object): string | undefined =>
    bundleFacts({ ...SMALL, meta: { ...SMALL.meta, noise: { sentinels: 2, ...more } } }).at(-1)?.value;
  assert.equal(told({ lowers_clock: 1 }), "2, drift at most 0%; the clock lowered by 1 shot");
  assert.equal(told({ in_doubt: 1 }), "2, drift at most 0%; 1 shot in doubt, before one that drifted");
  assert.equal(told({ in_doubt: 0, lowers_clock: 0 }), "2, drift at most 0%");
});

Deno.test("issueTable sums findings up by table and kind over all degrees, errors first", () => {
  const issue = (part: Partial<Issue>): Issue => ({
    code: "time-falls",
    severity: "warning",
    path: "a/b/tp1/dense.csv",
    message: "It falls",
    ...part,
  });
  const error = issue({
    code: "time-invalid",
    severity: "error",
    message: "No time",
    row: 3,
    column: "time_us",
  });
  assert.deepEqual(issueTable([issue({ row: 5 }), issue({ row: 7, message: "It falls too" }), error]), [
    {
      severity: "error",
      where: "dense.csv, tp 1",
      code: "time-invalid",
      count: "1",
      message: "No time (row 3, time_us)",
    },
    {
      severity: "warning",
      where: "dense.csv, tp 1",
      code: "time-falls",
      count: "2",
      message: "It falls (row 5)",
    },
  ]);
  const whole = [
    issue({ column: "tokens", message: "o_proj: It falls while tokens doubles", found: "0.5 at tokens 32" }),
    issue({ column: "tokens", message: "embedding: It falls", found: "0.4 at tokens 8" }),
    issue({ column: "tokens", message: "embedding: It falls", path: "a/b/tp4/dense.csv" }),
  ];
  assert.deepEqual(issueTable(whole).map(({ where, count }) => [where, count]), [
    ["dense.csv, tp 1", "1"],
    ["dense.csv, tp 1, 4", "2"],
  ]);
  assert.deepEqual(issueTable(whole).map(({ message }) => message), [
    "o_proj: It falls while tokens doubles; found 0.5 at tokens 32",
    "embedding: It falls (tokens); found 0.4 at tokens 8",
  ]);
});
