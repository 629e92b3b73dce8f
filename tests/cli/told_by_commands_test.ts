/** What commands say beside their main text: singular and plural, what is left out, edges of flags, exit statuses. */
import assert from "node:assert/strict";
import { Command } from "commander";
import type { Collectives, CollectiveSample } from "../../src/bundle/collectives_file.ts";
import { formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { answer } from "../../src/cli/queries.ts";
import { declare as declareExport } from "../../src/cli/commands/export.ts";
import { tellCollectives } from "../../src/cli/tell_collectives.ts";
import { plainProgress } from "../../src/cli/progress_lines.ts";
import { measures } from "../../src/cli/main.ts";
import { colored, safeTerminal } from "../../src/cli/terminal.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { type Files, withBundle } from "../bundle/with_bundle.ts";
import { runMain, TINY } from "./run_main.ts";
import { EVENTS } from "./events.ts";

const META: Meta = { model: "Qwen/Qwen3-0.6B", architecture: "qwen3", hardware: "ABACUS", tp_degrees: [1] };
const ATTENTION = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n";
const BOUGHT = { ...META, hardware: "LOOM" };
const FILES: Files = {
  "a/meta.yaml": formatMeta(META),
  "a/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,10\no_proj,32,20\n",
  "a/tp1/attention.csv": `${ATTENTION}0,0,1,16,10\n0,0,1,32,10\n`,
  "b/meta.yaml": formatMeta({ ...BOUGHT, tp_degrees: [1, 2, 4] }),
  "b/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "b/tp2/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "b/tp4/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "plain/meta.yaml": formatMeta({ ...META, model: "o/unknown" }),
  "plain/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "skewed/meta.yaml": formatMeta(META),
  "skewed/tp1/attention.csv": `${ATTENTION}0,0,1,16,10\n`,
  "skewed/tp1/skew.csv":
    "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
    "pure,4,1,4,4,0,0,128,512,224,5,5,5,\n",
  "perf/one/x/y/bf16/meta.yaml": formatMeta(META),
  "perf/one/x/y/bf16/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
};

async function say(line: string): Promise<[status: number, out: string, err: string]> {
  let told: [number, string, string] = [-1, "", ""];
  await withBundle(FILES, async (dir) => {
    const words = line.split(" ").map((word) => word.replace("@", `${dir}/`));
    const { status, out, err } = await runMain(words);
    const plain = (text: string): string => text.replaceAll(`${dir}/`, "@").trimEnd();
    told = [status, plain(out), plain(err)];
  });
  return told;
}

const LINES: [line: string, status: number, out: RegExp | string, err?: RegExp | string][] = [
  ["diff @a @b", 0, /\n\nOnly one has tp 2, 4$/],
  ["diff @a @a", 0, /^tp 1, time of the second \/ time of the first\n/],
  [
    "report @plain",
    0,
    "The report is in @plain/report.html, without whole iterations: configs has no such model",
  ],
  ["report @a", 0, "The report is in @a/report.html"],
  ["report @a @plain", 0, "The comparison is in @plain/comparison.html"],
  ["report @perf", 0, "The reports of 1 bundle are listed in @perf/index.html"],
  ["fit @gone", 2, "", "error: Cannot fit @gone: there is no such folder"],
  ["fit @skewed", 0, "@skewed: there is no case with an alpha to fit; skew_fit is off"],
  ["pack @gone", 2, "", "error: Cannot pack @gone: there is no such folder"],
  ["pack @a/meta.yaml", 2, "", "error: Cannot pack @a/meta.yaml: there is no such folder"],
  [
    "export @a --simulator august --to @x --link-bandwidth 1",
    2,
    "",
    "error: Cannot export: --link-bandwidth and --link-latency must be given together",
  ],
  [
    "export @a --simulator august --to @x --link-latency 1",
    2,
    "",
    "error: Cannot export: --link-bandwidth and --link-latency must be given together",
  ],
  ["simulate @a --rate 1 --clock hot", 2, "", /argument 'hot' is invalid\. Expected measured or cool\.$/],
  ["recommend @a --percentile p75", 2, "", /argument 'p75' is invalid\. Expected p50, p90 or p99\.$/],
  ["recommend @a --price =2", 2, "", /Expected <hardware>=<price>, such as H100=2\.5\.$/],
  ["recommend @a --price H100", 2, "", /Expected a number above 0\.$/],
  ["recommend @a --price H100=0", 2, "", /Expected a number above 0\.$/],
  ["limits --model Qwen/Qwen3-0.6B --hardware ABACUS", 2, "", /ABACUS/],
  [
    "limits --model Qwen/Qwen3-0.6B --hardware H100 --tp-degrees 1,2 --out @l.json",
    0,
    "The limits are in @l.json, estimated from the data sheet of H100, for tp 1",
  ],
  ["help", 0, /^Usage: shotlab /],
];
for (const [line, status, out, err = ""] of LINES) {
  Deno.test(`shotlab ${line}: ends with ${status} and says so`, async () => {
    const found = await say(line);
    const holds = (text: string, expected: RegExp | string): void =>
      typeof expected === "string" ? assert.equal(text, expected) : assert.match(text, expected);
    holds(found[2], err);
    holds(found[1], out);
    assert.equal(found[0], status);
  });
}

Deno.test("shotlab export: a bandwidth is above 0, a latency is 0 or more", () => {
  const read = (flag: string, text: string): unknown => {
    const command = new Command("export").exitOverride().configureOutput({ writeErr: () => {} });
    declareExport(command, () => Promise.resolve());
    const option = command.options.find(({ long }) => long === flag)!;
    try {
      return option.parseArg!(text, undefined);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const above0 = "Expected a number above 0.";
  for (const text of ["0", "-1", "", " ", "x", "Infinity"]) {
    assert.equal(read("--link-bandwidth", text), above0);
  }
  assert.deepEqual([read("--link-bandwidth", "0.5"), read("--link-latency", "0")], [0.5, 0]);
  for (const text of ["-1", "", "x", "Infinity"]) {
    assert.equal(read("--link-latency", text), "Expected a number above -1.");
  }
});

const MADE_UP = { processor: "made-up", cores: 16 };
const HEAD: Collectives["head"] = {
  ...{ format: 1, backend: "nccl", device: "Abacus", driver: "580", runtime: "torch 2.11" },
  ...{ engine_version: "0.26.0", graphs: true, dtype: "bfloat16", at: "2026-11-29T00:00:00Z", host: MADE_UP },
};
const sample = (bytes: number, us: number, more: Partial<CollectiveSample> = {}): CollectiveSample => ({
  ...{ ranks: 2, way: "vllm", collective: "all_reduce", bytes, us, minUs: us - 1, maxUs: us + 1, trials: 5 },
  ...more,
});

async function collectives(
  samples: CollectiveSample[],
  failed: { name: string; message: string }[] = [],
  head: Partial<Collectives["head"]> = {},
): Promise<[number, string[], string]> {
  let [out, err] = ["", ""];
  const terminal = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  const measured = { path: "c.csv", collectives: { head: { ...HEAD, ...head }, samples }, failed };
  const status = await tellCollectives(measured as never, "configs", terminal);
  return [status, out.trimEnd().split("\n").map((line) => line.trimEnd().replaceAll(/ {2,}/g, "  ")), err];
}

Deno.test("collectives: a table of each number of ranks, sizes ascending, a dash where a way was not measured", async () => {
  const all = [
    sample(8_388_608, 100),
    sample(4096, 10),
    sample(4096, 12, { way: "nccl" }),
    sample(4096, 9, { collective: "all_gather", way: "nccl" }),
    sample(4096, 20, { ranks: 4 }),
  ];
  assert.deepEqual(await collectives(all), [0, [
    "Abacus, torch 2.11, bfloat16, in CUDA graphs; median time of a call",
    "",
    "2 ranks, bytes  all_reduce vllm  all_reduce nccl  all_gather nccl",
    "  4,096  10 µs  12 µs  9 µs",
    "  8,388,608  100 µs  -  -",
    "As a link: 5.9 µs and 88.5 GiB/s; off by 18% on average, 34% at most",
    "Trials of a size are 18% apart at the median",
    "",
    "4 ranks, bytes  all_reduce vllm",
    "  4,096  20 µs",
    "Cannot fit the link: collectives of at least two sizes must be measured",
    "Trials of a size are 10% apart at the median",
    "Written: c.csv",
  ], ""]);
});

Deno.test("collectives: without a sample nothing is told but what failed, which ends with 1", async () => {
  assert.deepEqual(await collectives([], [{ name: "2 ranks", message: "no link" }]), [
    1,
    [""],
    "2 ranks: no link\n",
  ]);
  assert.deepEqual(await collectives([]), [0, [""], ""]);
  const [status, lines, err] = await collectives([sample(4096, 10)], [{ name: "4 ranks", message: "died" }], {
    graphs: false,
  });
  assert.deepEqual([status, err], [1, "4 ranks: died\n"]);
  assert.equal(lines[0], "Abacus, torch 2.11, bfloat16, called one after the other; median time of a call");
  assert.equal(lines.at(-1), "Written: c.csv");
});

Deno.test("which commands a signal lets end their engine", () => {
  const driving = [
    "profile",
    "profile-all",
    "refresh",
    "fire",
    "conformance",
    "inspect",
    "steps",
    "serve-load",
  ];
  for (const name of [...driving, "collectives"]) assert.equal(measures([name, "--help"]), true, name);
  for (const name of ["validate", "fit", "diff", "report", "plan", "simulate", "recommend", "models"]) {
    assert.equal(measures([name]), false, name);
  }
  assert.deepEqual([measures([]), measures(["fit", "profile"])], [false, false]);
});

Deno.test("texts of anybody reach the terminal without control characters; colours where they are seen", () => {
  const told: string[] = [];
  const take = (text: string): void => void told.push(text);
  const given = { out: take, err: take, errStream: null, env: {}, signal: new AbortController().signal };
  const coloured = safeTerminal({ ...given, colors: { out: true, err: false } });
  const red = colored("red", "no", true);
  assert.notEqual(red, "no");
  assert.equal(colored("red", "no"), "no");
  coloured.out(red);
  coloured.err(red);
  coloured.out("a\tb\n\u0007");
  assert.equal(told[0], red);
  assert.ok(told[1] !== red && !told[1]!.includes("\u001b"));
  assert.ok(told[2]!.startsWith("a\tb\n") && !told[2]!.includes("\u0007"));
});

Deno.test("plainProgress: how long it boots is in seconds of the clock", async () => {
  const lines: string[] = [];
  let nowMs = 20_000;
  const view = plainProgress((line) => lines.push(line), () => nowMs, 1);
  for (const event of EVENTS.slice(0, 2)) view.event(event);
  nowMs += 95_500;
  while (!lines.at(-1)!.includes("still")) await new Promise((resolve) => setTimeout(resolve, 1));
  view.close();
  assert.equal(lines.at(-1), "tp 1: still booting after 1 min 36 s");
});

Deno.test("answer asks a kernel of attention by each of the fields that only v1.2 has", () => {
  const asked: unknown[] = [];
  const made = predictor({ tps: [1], meta: {}, table: () => [], skewFit: () => [] });
  const spy = {
    ...made,
    attention: (...args: unknown[]) => (asked.push(["plain", ...args]), 1),
    kernelAttention: (...args: unknown[]) => (asked.push(["kernel", ...args]), 2),
    moe: (...args: unknown[]) => (asked.push(["moe", ...args]), 3),
  } as unknown as typeof made;
  const place = { kind: "attention", tp: 2, prefill_chunk: 16, kv_prefill: 24, n_decode: 3, kv_decode: 5 };
  const batch = { chunk: 16, nDecode: 3, kvDecode: 5 };
  const { kv_prefill: _, ...others } = place;
  const queries: [object, unknown[]][] = [
    [place, ["plain", 2, { ...batch, kvPrefill: 24 }]],
    [{ ...place, layer: "x" }, ["kernel", 2, { ...batch, layer: "x", prefillKey: 32 }]],
    [{ ...place, decode_q_len: 4 }, ["kernel", 2, { ...batch, decodeQLen: 4, prefillKey: 32 }]],
    [{ ...others, prefill_key: 7.5 }, ["kernel", 2, { ...batch, prefillKey: 7.5 }]],
    [{ ...place, prefill_chunk: 0, layer: "x" }, ["kernel", 2, {
      ...batch,
      chunk: 0,
      layer: "x",
      prefillKey: 0,
    }]],
    [{ kind: "moe", tokens: 4, activated_experts: 2 }, ["moe", { tokens: 4, activatedExperts: 2 }]],
    [{ kind: "moe", tokens: 4, activated_experts: 2, ep: 2 }, ["moe", {
      tokens: 4,
      activatedExperts: 2,
      ep: 2,
    }]],
  ];
  for (const [query, call] of queries) {
    answer(spy, JSON.stringify(query));
    assert.deepEqual(asked.pop(), call);
  }
});

Deno.test("shotlab profile: silent says the bundle alone, verbose what the engine says", () =>
  withBundle({}, async (perfDir) => {
    const args = ["profile", ...TINY, "--harness", "roofline:H100", "--perf-dir", perfDir];
    const silent = await runMain([...args, "--silent"]);
    assert.deepEqual([silent.status, silent.err], [0, ""]);
    const again = await runMain(args);
    assert.equal(again.status, 0);
    assert.match(again.err, /^tp 1: complete already, 56 shots planned; no engine is booted$/m);
    assert.match(again.out, /; 0 shots measured in /);
    const path = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
    assert.ok(again.out.includes(`Next, check it:  deno task shotlab validate ${path}\n`));
    const packed = await runMain(["pack", path]);
    assert.match(packed.out, /: the journal has \d+ bytes now, unpacked \d+\n$/);
    const [, small, large] = /has (\d+) bytes now, unpacked (\d+)/.exec(packed.out)!;
    assert.equal((await Deno.stat(`${path}/journal.jsonl.gz`)).size, Number(small));
    assert.ok(Number(large) > Number(small));
    assert.equal((await runMain(["pack", path])).out, `${path}: the journal is packed already\n`);
    assert.equal((await runMain(["validate", path])).out, `${path}: 0 errors, 0 warnings\n`);
  }));
