/** What a part of a table costs, where the truth is known. */
import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { decodeIterations, iterationTable } from "../../src/view/iterations.ts";
import { partErrors } from "../../src/view/part_errors.ts";

const bundle = await openBundle("perf/H200/meta-llama/Llama-3.1-8B/bf16");
const model = await loadModel("meta-llama/Llama-3.1-8B");

Deno.test("parts of a table: an adaptive one is nearer to the truth than a random one of its size, and its bound holds", async () => {
  const { adaptive, curves } = await partErrors(bundle, model, { shares: [0.05, 0.1] });
  const [, random, coarser] = curves;
  for (const [i, { shots, error, bound }] of adaptive.entries()) {
    assert.ok(error < random!.points[i]!.error, `${shots}`);
    assert.ok(error < bound, `${error} < ${bound}`);
    assert.ok(Math.abs(random!.points[i]!.shots - shots) < 0.02);
  }
  const sizes = coarser!.points.map(({ shots }) => shots);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a));
  assert.ok(sizes[0]! < 1);
});

Deno.test("parts of a table: a seed gives the same random part again", async () => {
  const points = async (seed: number): Promise<unknown> =>
    (await partErrors(bundle, model, { shares: [0.05], seed })).curves[1]!.points;
  assert.deepEqual(await points(3), await points(3));
  assert.notDeepEqual(await points(3), await points(4));
});

Deno.test("a table of iterations has the totals of the estimates, in milliseconds", () => {
  const [, { totalNs }] = decodeIterations(bundle, model, { kv: 1024, requests: [8] })[0]!;
  const batches = [{ requests: 8, kv: 1024 }, { requests: 8, kv: 1024, chunk: 512 }];
  const [alone, mixed] = iterationTable([{ name: "H200", bundle, model }], batches);
  assert.deepEqual(alone, { requests: 8, "KV length": 1024, prefill: 0, "H200 (ms)": totalNs / 1e6 });
  assert.ok(mixed!["H200 (ms)"]! > totalNs / 1e6);
  assert.equal(mixed!["prefill"], 512);
});

Deno.test("iterations of an estimate have no error: nobody knows it", () => {
  const estimated = { ...bundle, meta: { ...bundle.meta, quantity: "estimate" as const } };
  const [, , error] = decodeIterations(estimated, model, { kv: 1024, requests: [8] })[0]!;
  assert.equal(error, undefined);
});
