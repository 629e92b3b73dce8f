import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Batch } from "../../src/predict/batch.ts";
import { readBy } from "../../src/predict/window.ts";
import { median } from "../../src/stats.ts";

/** Attention of Llama-4-Scout on an H200 by vLLM 0.26: both kernels of 192 random shots of a grid. */
const RECORDED = fileURLToPath(new URL("../data/llama-4-scout-attention.csv", import.meta.url));
const SPAN = 8192;

interface Shot {
  readonly chunk: number;
  readonly history: number;
  readonly decodes: number;
  readonly kv: number;
  readonly us: Readonly<Record<string, number>>;
}

async function recordedShots(): Promise<Shot[]> {
  const [head = "", ...lines] = (await Deno.readTextFile(RECORDED)).trim().split(/\r?\n/);
  const names = head.split(",");
  const shots = new Map<string, Shot>();
  for (const line of lines) {
    const row = Object.fromEntries(line.split(",").map((value, at) => [names[at], value]));
    const key = [row["prefill_chunk"], row["kv_prefill"], row["n_decode"], row["kv_decode"]].map(Number);
    const [chunk = 0, history = 0, decodes = 0, kv = 0] = key;
    const known = shots.get(key.join()) ?? { chunk, history, decodes, kv, us: {} };
    shots.set(key.join(), { ...known, us: { ...known.us, [row["layer"]!]: Number(row["time_us"]) } });
  }
  return [...shots.values()];
}

/** How far the times of shots are from each other that a kernel reads alike. */
function apart(shots: readonly Shot[], layer: string): number[] {
  const alike = Map.groupBy(shots, ({ chunk, history, decodes, kv }) => {
    const prefills = chunk > 0 ? [{ chunk, history }] : [];
    const batch = { prefills, decodes: decodes > 0 ? [{ kv, count: decodes }] : [] };
    return JSON.stringify(readBy(batch, "chunked_attention", { attention_chunk_size: SPAN }));
  });
  return [...alike.values()].filter(({ length }) => length > 1).map((group) => {
    const us = group.map((shot) => shot.us[layer]!);
    return Math.max(...us) / Math.min(...us) - 1;
  });
}

Deno.test("on an H200 histories that are alike within a chunk take local attention as long, and full attention not", async () => {
  const shots = await recordedShots();
  assert.equal(shots.length, 192);
  const local = apart(shots, "chunked_attention");
  assert.ok(local.length >= 15);
  assert.ok(median(local) < 0.015 && Math.max(...local) < 0.04, local.join(" "));
  assert.ok(median(apart(shots, "attention")) > 0.4);
});

Deno.test("a prefill is taken apart where a chunk ends, decodes are read from where theirs begins", () => {
  const read = (chunk: number, history: number): Batch =>
    readBy({ prefills: [{ chunk, history }], decodes: [{ kv: history, count: 2 }] }, "chunked_attention", {
      attention_chunk_size: 100,
    });
  assert.deepEqual(read(50, 30), { prefills: [{ chunk: 50, history: 30 }], decodes: [{ kv: 30, count: 2 }] });
  assert.deepEqual(read(150, 260), {
    prefills: [{ chunk: 40, history: 60 }, { chunk: 100, history: 0 }, { chunk: 10, history: 0 }],
    decodes: [{ kv: 60, count: 2 }],
  });
  assert.deepEqual(read(100, 200).prefills, [{ chunk: 100, history: 0 }]);
});
