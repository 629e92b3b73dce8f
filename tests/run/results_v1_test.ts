import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { ingest } from "../../src/run/ingest.ts";
import { readFired } from "../../src/journal/fired.ts";
import { parseJournalLine } from "../../src/journal/line.ts";
import { fakeHarness } from "./fakes.ts";
import { planLines } from "./results_files.ts";
import { SMALL } from "./small_model.ts";
import { textOfFile, withFolder } from "./tiny_run.ts";

const { architecture } = await loadModel(SMALL.model);
const LAYERS = Object.keys(architecture.catalog.dense);
const BOOT = {
  ...{ config: {}, architecture, tp: 1, dtype: "bfloat16", kv_cache_dtype: "auto", block_size: null },
  ...{ max_num_batched_tokens: 64, max_num_seqs: 8 },
};
const SENTINEL = {
  ...{ category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0 },
  ...{ n_decode: 4, kv_decode: 64 },
};

Deno.test("the examples of the protocol's section on journals are read, as a journal and line by line", async () => {
  const text = await Deno.readTextFile(new URL("../../harness/PROTOCOL.md", import.meta.url));
  const block = /## Journal.*?```json\n(.*?)```/s.exec(text)![1]!;
  const { header, lines, notices } = readFired("journal.jsonl", new TextEncoder().encode(block));
  assert.deepEqual([header.plan.settings.model, header.quantity, notices], ["Qwen/Qwen3-0.6B", "kernel", []]);
  const kinds = ["session", "engine", "kernels", "state", "sentinel", "chunk", "shot", "failed", "cost"];
  assert.deepEqual(lines.map(({ type }) => type), kinds);
  const read = block.trimEnd().split("\n").map(parseJournalLine);
  assert.ok(read.every((line) => typeof line === "object" && line !== null));
});

Deno.test("a results file is read as the journal that it would be today", async () => {
  const bytes = await Deno.readFile(new URL("../data/results-v1.jsonl", import.meta.url));
  const { header, lines, notices } = readFired("results.jsonl", bytes);
  assert.deepEqual([header.id, header.quantity, notices], ["2026-03-01T09:30:00Z", "kernel", []]);
  assert.deepEqual(lines.map(({ type }) => type), [
    ...["session", "engine", "kernels", "state", "sentinel", "shot", "state", "cost"],
    ...["chunk", "failed", "cost"],
  ]);
  const [session, , , , sentinel, shot, , , , failed] = lines;
  assert.ok(session?.type === "session" && session.identity.device === "NVIDIA H100 80GB HBM3");
  assert.equal(session.started, "2026-03-01T09:29:20.500Z");
  assert.deepEqual(sentinel, {
    ...{ type: "sentinel", category: "attention", tp: 1, key: [16, 0, 2, 64], clock_mhz: null },
    ...{ samples: { attention: [12.1, 12, 12.3] }, at_s: 1772357401.25 },
  });
  assert.deepEqual(shot, {
    ...{ type: "shot", category: "dense", tp: 1, key: [16], samples: { embedding: [3.1, 3, 3.2] } },
    ...{ stop: "iterations", kernels: { embedding: ["5a"] } },
  });
  assert.deepEqual(failed, {
    ...{ type: "failed", category: "attention", tp: 1, key: [0, 0, 4, 128], kind: "out_of_memory" },
    message: "no room for 4 requests of 129 tokens",
  });
});

Deno.test("what a worker writes beside the format is passed over: numbers of requests, marks on a sentinel's chunk", () =>
  withFolder(async (dir) => {
    const [plan] = await planLines({ skipSkew: true });
    const { info } = fakeHarness();
    const state = {
      sm_clock_mhz: 1980,
      memory_clock_mhz: null,
      temperature_c: 40,
      power_w: 90,
      throttle: [],
    };
    const booted = await fakeHarness().boot(BOOT);
    const sentinel = (time: number, seq: number): object[] => [
      { type: "state", seq, ...state, at_s: 1000.5 + seq, sentinel: true },
      {
        type: "result",
        seq,
        index: 0,
        shot: SENTINEL,
        samples: { attention: [time, time, time] },
        sentinel: true,
      },
      { type: "done", seq, wall_us: 900, sentinel: true },
    ];
    const dense = (seq: number, time: number): object[] => [
      {
        ...{ type: "result", seq, index: 0, shot: { category: "dense", tp: 1, tokens: 16 } },
        samples: Object.fromEntries(LAYERS.map((layer) => [layer, [time, time, time]])),
        stop: "iterations",
      },
      { type: "done", seq, device_busy_us: 400, wall_us: 1000 },
    ];
    const path = `${dir}/results.jsonl`;
    const header = { type: "results", version: 1, started: "2026-03-01T09:30:00Z", quantity: "kernel" };
    const lines = [
      { ...header, plan: JSON.parse(plan!) },
      { type: "hello", protocol: 1, ...info, quantities: ["kernel"] },
      { type: "booted", tp: 1, ...booted, layers: {} },
      ...[sentinel(100, 1), dense(2, 50), sentinel(105, 3), sentinel(100, 4), dense(5, 45)].flat(),
      ...sentinel(100, 6),
    ];
    await Deno.writeTextFile(path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
    const { bundle, notices, measured } = await ingest([path], { perfDir: dir });
    assert.deepEqual([notices, measured], [[], 2]);
    assert.deepEqual(new Set(bundle.table(1, "dense").map(({ timeUs }) => timeUs)), new Set([45]));
    assert.deepEqual(bundle.meta.noise, {
      ...{ spread_p50: 0, spread_p90: 0, sentinels: 4, sentinel_drift_p50: 0, sentinel_drift_max: 0.05 },
      ...{ measured_again: 1, in_doubt: 0 },
    });
    assert.deepEqual(bundle.meta.device_busy_s, { tp1: { dense: 0.001 } });
    const journal = await textOfFile(bundle.dir, "journal.jsonl");
    assert.match(journal, /"at_s":1001.5/);
  }));

Deno.test("what a worker alone measures again takes the place of what was in doubt, also from a file that has grown", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const [plan] = await planLines({ skipSkew: true });
    const { info } = fakeHarness();
    const result = (shot: object, layers: readonly string[], time: number): object => ({
      type: "result",
      shot,
      samples: Object.fromEntries(layers.map((layer) => [layer, [time, time, time]])),
    });
    const sentinel = (time: number): object[] => [
      { type: "chunk", shots: ["00"], sentinel: true },
      { ...result(SENTINEL, ["attention"], time), sentinel: true },
      { type: "done", wall_us: 900 },
    ];
    const dense = (...times: number[]): object[] => [
      { type: "chunk", shots: ["01"] },
      ...times.map((time, i) => result({ category: "dense", tp: 1, tokens: 16 + i }, LAYERS, time)),
      { type: "done", wall_us: 1000 },
    ];
    const booted = [
      { type: "hello", protocol: 1, ...info, quantities: ["kernel"] },
      { type: "booted", tp: 1, ...await fakeHarness().boot(BOOT), layers: {} },
    ];
    const header = { type: "results", version: 1, started: "2026-03-01T09:30:00Z", quantity: "kernel" };
    const lines = [
      { ...header, plan: JSON.parse(plan!) },
      // The device moves and does not come back.
      ...[...booted, ...sentinel(100), ...dense(50, 60), ...sentinel(110), ...sentinel(110)],
      // The next run measures again, moves meanwhile and measures once more.
      ...[...booted, ...sentinel(100), ...dense(51, 61), ...sentinel(110), ...sentinel(100)],
      ...[...dense(45, 55), ...sentinel(100)],
    ].map((line) => JSON.stringify(line) + "\n");
    const seen: unknown[] = [];
    for (const end of [16, 16, 31, lines.length, lines.length]) {
      await Deno.writeTextFile(path, lines.slice(0, end).join(""));
      const { bundle, measured, notices } = await ingest([path], { perfDir: dir });
      assert.deepEqual(notices, []);
      const rows = bundle.table(1, "dense").filter(({ layer }) => layer === LAYERS[0]);
      seen.push([measured, rows[0]!.timeUs, bundle.meta.noise!.in_doubt]);
    }
    assert.deepEqual(seen, [[2, 50, 2], [0, 50, 2], [2, 51, 2], [2, 45, 0], [0, 45, 0]]);
    const { bundle } = await ingest([path], { perfDir: `${dir}/at once` });
    assert.equal(bundle.meta.noise!.measured_again, 2);
    assert.deepEqual(new Set(bundle.table(1, "dense").map(({ timeUs }) => timeUs)), new Set([45, 55]));
  }));
