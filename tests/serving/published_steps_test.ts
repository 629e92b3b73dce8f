/** The published bundle with served steps: what docs/serving.md says of it. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { summarize } from "../../src/serving/latencies.ts";
import { parseServed } from "../../src/serving/served.ts";
import { latenciesOf, readServedSteps } from "../../src/serving/served_files.ts";
import { serverOf } from "../../src/serving/server.ts";
import { simulateServer } from "../../src/serving/simulate_server.ts";
import { stepModel } from "../../src/serving/step_model.ts";

const DIR = "perf/H200/meta-llama/Llama-3.1-8B/bf16";

async function unpacked(path: string): Promise<string> {
  const stream = (await Deno.open(path)).readable.pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

Deno.test("terms learned from everything else give the busy time of each of three loads within 2%", async () => {
  const [bundle, model] = [await openBundle(DIR), await loadModel("meta-llama/Llama-3.1-8B")];
  const steps = stepModel(bundle, { model, served: await readServedSteps(DIR, 1) });
  assert.deepEqual(steps.heldOut.map(({ part }) => part), ["load: light", "load: busy", "load: long"]);
  for (const { part, busyError, windowP50, windowP90 } of steps.heldOut) {
    assert.ok(Math.abs(busyError) < 0.02, `${part}: busy ${busyError}`);
    assert.ok(windowP50 < 0.025 && windowP90 < 0.075, `${part}: windows ${windowP50} ${windowP90}`);
  }
});

Deno.test("the simulated server is within a few percent of the real one on those loads", async () => {
  const [bundle, model] = [await openBundle(DIR), await loadModel("meta-llama/Llama-3.1-8B")];
  const path = "perf/evidence/serving/served-llama-3.1-8b-h200.jsonl.gz";
  const served = parseServed(await unpacked(path), path);
  const steps = stepModel(bundle, { model, served });
  for (const [part, requests] of Map.groupBy(served.requests, (one) => one.part)) {
    const load = { name: part, requests, concurrency: null };
    const { latencies } = simulateServer(load, steps, serverOf(served.head.settings));
    const real = summarize(requests.map(latenciesOf));
    const off = (key: "ttftMs" | "tpotMs" | "e2eMs"): number =>
      Math.abs(latencies[key].mean / real[key].mean - 1);
    assert.ok(off("tpotMs") < 0.03, `${part}: TPOT ${off("tpotMs")}`);
    assert.ok(off("ttftMs") < 0.08, `${part}: TTFT ${off("ttftMs")}`);
    assert.ok(off("e2eMs") < 0.03, `${part}: end to end ${off("e2eMs")}`);
  }
});
