import assert from "node:assert/strict";
import { benchmarksPage } from "../../tasks/benchmarks/benchmarks_page.ts";
import { pictureOf } from "../../tasks/benchmarks/bundle_page.ts";
import { readEvidenceFiles } from "../../tasks/benchmarks/evidence.ts";
import { laidOut } from "../../tasks/benchmarks/markdown.ts";
import { makePages } from "../../tasks/benchmarks/pages.ts";
import { changesSection } from "../../tasks/benchmarks/changes.ts";
import type { Published } from "../../tasks/benchmarks/published.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { withFolder } from "../run/tiny_run.ts";

Deno.test("the pages of benchmarks and bundles are what their task makes from perf/", async () => {
  const pages = await makePages("perf", "docs");
  const files = [...Deno.readDirSync("docs/bundles")].map(({ name }) => `bundles/${name}`).sort();
  const [texts, pictures] = [".md", ".png"].map((end) => files.filter((name) => name.endsWith(end)));
  assert.deepEqual(["architectures.md", "benchmarks.md", ...texts!], [...pages.keys()].sort());
  assert.deepEqual(pictures, texts!.map(pictureOf));
  for (const [path, text] of pages) {
    const there = await Deno.readTextFile(`docs/${path}`);
    assert.equal(there, text, `docs/${path} is not up to date: run deno task benchmarks`);
  }
});

const MEASURED = { model: "org/M", hardware: "H", device: "D" };
const APART = { signed_p50: -0.001, p50: 0.0056, p90: 0.0168, p99: 0.029 };

/** A file of each kind, and a line that it makes. */
const EVIDENCE: readonly [file: object, line: string][] = [
  [{
    kind: "layerwise",
    ...MEASURED,
    tp: 1,
    categories: [{
      category: "attention",
      shots: 100,
      reference_ms: 428,
      ours_ms: 7.64,
      ours_shots: 256,
      ...APART,
      classes: [{ class: "Attention", times: 100, ...APART }],
    }],
  }, "| H M | attention | 100, 256 | 428 | 7.6 | 56 | 0.56 / 1.68 / 2.90 (-0.10) |"],
  [
    { kind: "repeat", ...MEASURED, categories: [{ tp: 2, category: "dense", shots: 1520, ...APART }] },
    "| H M | 2 | dense | 1,520 | 0.56 / 1.68 / 2.90 (-0.10) |",
  ],
  [{
    kind: "truth",
    ...MEASURED,
    groups: [{ name: "all", batches: 50, per_layer: APART, whole: { ...APART, signed_p50: 0.02 } }],
    by_layer: [{ layer: "qkv_proj", share: 0.25, adds: -0.002, ...APART }, {
      layer: "elsewhere",
      share: 0.01,
      adds: -0.01,
    }],
    uncovered_kernels: [],
    explained: [],
  }, "| H M | all | 50 | 0.56 / 1.68 / 2.90 (-0.10) | 0.56 / 1.68 / 2.90 (+2.00) |"],
  [{
    kind: "adaptive",
    seeds: 5,
    attention: [{ name: "H M tp1", share: 0.1, p50: 0.01, p90: 0.04, p99: 0.1, ms_per_shot: 1.5 }],
    stops: [{
      name: "H M tp1",
      error: 0.05,
      runs: [{ measured: 500, p90: 0.04 }, { measured: 40, p90: 0.03 }],
    }],
    priors: [{ name: "H M tp1", share: 0.03, none: [0.01, 0.05, 0.1], device: [0.01, 0.02, 0.03] }],
    skew: [{ name: "H M tp1", share: 0.2, ms_per_shot: 2, full: [0.01, 0.1, 0.3], part: [0.02, 0.2, 0.4] }],
  }, "| H M tp1 | 10% | 1.00 / 4.00 / 10.00 | 1.50 |"],
  [{
    kind: "tensor_parallel",
    ...MEASURED,
    tp: 2,
    modules: [{ module: "o_proj", batches: 24, ...APART }],
    communication: [{ tokens: 16, us: 19.2 }],
  }, "| H M | 2 | o_proj | 24 | 0.56 / 1.68 / 2.90 (-0.10) | - |"],
  [
    {
      ...{ kind: "pool", ...MEASURED, devices: 2, shots: 3000, one_s: 30, two_s: 16 },
      attention: [{ shots: 2800, per_s: 100 }, { shots: 9000, per_s: 195 }],
    },
    "| H M | 3,000 | 30.0 | 16.0 | 1.88 | 100 (2,800), 195 (9,000) | 1.95 |",
  ],
  [
    { kind: "trials", ...MEASURED, sentences: ["It fails."] },
    "- H M: It fails.",
  ],
  [{
    kind: "whole_job",
    ...MEASURED,
    command: "shotlab profile",
    missing: ["tp 2", "served steps"],
    parts: [{ part: "tp 1 boot", seconds: 61 }, { part: "files", seconds: 1.5 }],
    sweeps: [{ tp: 1, category: "attention", shots: 5000, firing_s: 20, between_s: 30 }],
    degrees: [{
      tp: 1,
      attention: {
        estimated: 157_000,
        rel_err_p50: 0.01,
        rel_err_p90: 0.05,
        rel_err_p99: 0.1,
        upper_p90: 0.051,
      },
    }],
    judged: [{ rows: "predicted", shots: 2400, ...APART }],
    at: "2026-11-29T11:02:03Z",
    judged_at: "2026-11-29T08:05:00Z",
  }, "| predicted | 2,400 | 0.56 / 1.68 / 2.90 (-0.10) |"],
  [{
    kind: "shot-time",
    ...MEASURED,
    ideas: {
      now: {
        skew: {
          shots: 100,
          ms_a_shot: 3.2,
          split_ms: { open: 0.01, "set-up": 1.2, passes: 1.7, device: 0.09, close: 0.11, read: 0.09 },
          busy_ms: 1.04,
          lost: 0,
          apart: { all: APART },
        },
      },
    },
    pairs: { "usual, now": { skew: { shots: 100, apart: { all: APART }, other_kernels: 3 } } },
    worker: {
      "the worker": {
        skew: {
          scheduled: { shots: 100, ms_a_shot: 6.8, fired_again: 1 },
          direct: { shots: 100, ms_a_shot: 5.62, fired_again: 7, apart: { all: APART } },
        },
      },
    },
    conditions: { layer_before: true },
  }, "| H M | usual, now | skew | 100 | 0.56 / 1.68 / 2.90 (-0.10) | 3 |"],
];

Deno.test("each file of evidence makes its section, what is missing is said", () =>
  withFolder(async (dir) => {
    const titles = (page: string): string[] => [...page.matchAll(/^- (.*)$/gm)].map((match) => match[1]!);
    assert.equal(titles(benchmarksPage([], await readEvidenceFiles(`${dir}/none`))).length, EVIDENCE.length);
    for (const [file] of EVIDENCE) {
      await Deno.writeTextFile(`${dir}/${(file as { kind: string }).kind}.json`, JSON.stringify(file));
    }
    const page = benchmarksPage([], await readEvidenceFiles(dir));
    assert.ok(!page.includes("Not measured yet"));
    for (const [, line] of EVIDENCE) assert.ok(page.includes(`\n${line}\n`), line);
    // 162,000 shots at the 428 ms of the reference's way.
    assert.match(
      page,
      /^H M: `shotlab profile` took 1 min 03 s, 30 s of it between chunks\. Then its time was up: tp 2 and served steps are missing\. Its 162,000 shots .* the 428 ms of H M: 19 hours\.$/m,
    );
    assert.ok(
      page.includes("in a process of their own (2026-11-29 08:05 UTC, the job 2026-11-29 11:02) and fitted"),
    );
    assert.ok(page.includes("\n| 1 | attention | 5,000 | 20.0 | 4.0 | 30.0 |\n"));
    for (
      const line of [
        "With a [layer before](gpu-timing.md#a-layer-before) the timed one in dense shots:",
        "| H M | scheduled | skew | 100 | 6.80 | 1 | - |",
        "| H M | direct | skew | 100 | 5.62 | 7 | 0.56 / 1.68 / 2.90 (-0.10) |",
      ]
    ) assert.ok(page.includes(`\n${line}\n`), line);
    assert.ok(page.includes("\n| 1 | attention | 157,000 | 1.00 / 5.00 / 10.00 | 5.10 |\n"));
    assert.equal(await laidOut(await laidOut(page)), await laidOut(page));
  }));

Deno.test("a file that is no evidence is refused", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.json`, JSON.stringify({ kind: "repeat", ...MEASURED }));
    await assert.rejects(readEvidenceFiles(dir), {
      message:
        `Cannot read ${dir}/a.json: ✖ Invalid input: expected array, received undefined\n  → at categories`,
    });
  }));

Deno.test("two bundles of one device are compared row by row, those of unlike devices are not", async () => {
  const load = async (path: string): Promise<Published> =>
    ({ bundle: await openBundle(`perf/${path}`), model: path }) as unknown as Published;
  const paths = ["bf16", "bf16-cold"].map((variant) => `H200/meta-llama/Llama-3.1-8B/${variant}`);
  const [old, cold] = await Promise.all(paths.map(load));
  const other = await load("H100/meta-llama/Llama-3.1-8B/bf16");
  const name = ({ model }: Published): string => model;
  assert.deepEqual(changesSection([other, old!], name), []);
  const [, , table] = changesSection([other, old!, cold!], name);
  assert.match(
    table!,
    /^\| H200\/\S+\/bf16 \| 1 \| dense \| layernorm \| 152 \| 0\.979 \| 1\.022 \| 1\.062 \|$/m,
  );
  assert.ok(!table!.includes("bf16-cold"), "the first one was measured first, wherever it stands");
});
