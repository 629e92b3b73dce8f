import assert from "node:assert/strict";
import { judgeRows, partsOf, sweepTimes } from "./ledger.ts";
import type { JournalLine } from "../../../src/journal/line.ts";

Deno.test("a job's parts end with the lines that say so", () => {
  const log = [
    "    0.3 starting the harness vllm",
    "   14.1 vllm 0.26.0 on NVIDIA H200",
    "   14.1 tp 1: booting the engine",
    "   30.1 tp 1: booted in 16.0 s",
    "   33.0 tp 1 dense: 152/152, 51 shots/s, took 3.0 s",
    "   60.0 tp 1 attention: 5359/5359, 100 shots/s, took 27 s",
    "a line without a time",
    "   61.5 The bundle is in perf/H200; 5,551 shots measured in 61 s",
    "  130.0 meta-llama/Llama-3.1-8B: booted in 60 s",
    "  150.0 Steps are sums of layers",
    "  150.4 Next, check it",
  ].join("\n");
  assert.deepEqual(partsOf(log), [
    { part: "start of the worker", seconds: 14.1 },
    { part: "before tp 1", seconds: 0 },
    { part: "tp 1 boot", seconds: 16 },
    { part: "tp 1 dense", seconds: 2.9 },
    { part: "tp 1 attention", seconds: 27 },
    { part: "files", seconds: 1.5 },
    { part: "boot of the whole engine", seconds: 68.5 },
    { part: "served steps and loads", seconds: 20 },
    { part: "the rest", seconds: 0.4 },
  ]);
});

Deno.test("steps that were served beside the rows take what is left of them then", () => {
  const log = [
    "    1.0 vllm 0.26.0 on NVIDIA H200",
    "    2.0 Note: device 1 serves steps of the whole engine; the others go on with the rows",
    "    2.0 tp 2: booting the engine",
    "   90.0 The bundle is in perf/H200; 5,551 shots measured in 90 s",
    "   90.0 meta-llama/Llama-3.1-8B: booted in 60 s",
    "   95.0 Steps are sums of layers",
  ].join("\n");
  assert.deepEqual(partsOf(log), [
    { part: "start of the worker", seconds: 1 },
    { part: "before tp 2", seconds: 1 },
    { part: "files", seconds: 88 },
    { part: "what is left of the steps beside", seconds: 5 },
  ]);
});

Deno.test("long gaps between readings are choosing, but for a chunk, and only where shots are chosen", () => {
  const shot = (category: "dense" | "attention"): JournalLine =>
    ({ type: "shot", category, tp: 1, key: [1], samples: { a: [1] } }) as unknown as JournalLine;
  const state = (at_s: number): JournalLine => ({ type: "state", at_s }) as unknown as JournalLine;
  const lines = [
    ...[{ type: "engine", tp: 1 } as unknown as JournalLine, state(0), state(3)],
    ...[shot("dense"), state(3), state(3.4), shot("attention"), state(3.4), state(8.4), shot("attention")],
    ...[state(8.4), state(8.8), shot("attention"), state(8.8)],
  ];
  assert.deepEqual(sweepTimes(lines), [
    { tp: 1, category: "dense", shots: 1, distinct: 1, firingS: 3, betweenS: 0 },
    { tp: 1, category: "attention", shots: 3, distinct: 1, firingS: 1.2, betweenS: 4.6 },
  ]);
});

Deno.test("predicted rows are judged apart from measured ones", () => {
  const row = (kv: number, timeUs: number) => ({ layer: "attention", key: [0, 0, 1, kv], timeUs }) as never;
  const bundle = {
    table: () => [row(16, 11), row(32, 20)],
    estimated: () => [{ key: [0, 0, 1, 16] }] as never,
  };
  const again = [16, 32, 64].map((kv, at) => ({
    shot: { tp: 1, category: "attention" as const, key: [0, 0, 1, kv] },
    timesUs: { attention: 10 * (at + 1) },
  }));
  const judged = judgeRows(bundle as never, again as never);
  assert.deepEqual(judged.map(({ rows, shots, apart }) => [rows, shots, apart.p50]), [
    ["all", 2, 0.05],
    ["predicted", 1, 0.1],
    ["measured", 1, 0],
  ]);
});
