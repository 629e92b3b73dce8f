import assert from "node:assert/strict";
import type { Row } from "../../../src/bundle/tables.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { resolveSettings } from "../../../src/settings.ts";
import { planHeader } from "../../../src/shots/plan_file.ts";
import type { Sweep } from "../../../src/shots/plan_sweeps.ts";
import { compareAgain, parseAgain } from "./compare.ts";
import { sampleSweeps } from "./tenth.ts";

Deno.test("a tenth of every sweep is drawn, the same again for a seed", () => {
  const shots = Array.from(
    { length: 200 },
    (_, at) => ({ category: "dense", tp: 1, tokens: at + 1 }) as const,
  );
  const sweeps: Sweep[] = [
    { category: "dense", tp: 1, shots },
    { category: "per_sequence", tp: 1, shots: [{ category: "per_sequence", tp: 1, sequences: 1 }] },
  ];
  const drawn = sampleSweeps(sweeps, 0.1, 7);
  assert.deepEqual(drawn.map(({ category, shots }) => [category, shots.length]), [
    ["dense", 20],
    ["per_sequence", 1],
  ]);
  assert.ok(drawn[0]!.shots.every((shot) => sweeps[0]!.shots.includes(shot)));
  assert.deepEqual(drawn, sampleSweeps(sweeps, 0.1, 7));
  assert.notDeepEqual(drawn, sampleSweeps(sweeps, 0.1, 8));
});

Deno.test("second measurements are compared with the rows of their shots", async () => {
  const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1, 2] });
  const plan = planHeader(settings, await loadModel(settings.model), []);
  const dense = (tokens: number): object => ({ category: "dense", tp: 2, tokens });
  const lines: object[] = [
    { type: "results", version: 1, started: "2026-03-01T09:30:00Z", quantity: "kernel", plan },
    { type: "result", shot: dense(16), samples: { qkv_proj: [99], layernorm: [9] } },
    { type: "result", shot: dense(16), samples: { qkv_proj: [11, 50, 11], layernorm: [9] } },
    { type: "result", shot: dense(16), samples: { qkv_proj: [77] }, sentinel: true },
    { type: "result", shot: dense(32), samples: { qkv_proj: [20] } },
    { type: "failed", shot: dense(64), kind: "out_of_memory", message: "no room" },
  ];
  const { header, again } = parseAgain(lines.map((line) => JSON.stringify(line)).join("\n"), "results.jsonl");
  const rows: Row[] = [
    { layer: "qkv_proj", key: [16], timeUs: 10 },
    { layer: "layernorm", key: [16], timeUs: 5 },
  ];
  const { catalog } = header.plan.architecture;
  const found = compareAgain({ table: () => rows, skew: () => [] }, again, catalog);
  assert.deepEqual(found, [{ tp: 2, category: "dense", shots: 1, differences: [11 / 10 - 1] }]);
});
