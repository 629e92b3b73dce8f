// deno-lint-ignore-file no-console
/** How long the simulated server takes for 100,000 requests: `deno run -A tests/bench/serving/simulate_bench.ts BUNDLE`. */
import {
  generateLoad,
  loadModel,
  openBundle,
  readServedSteps,
  simulateServer,
  stepModel,
} from "../../../mod.ts";
import { UsageError } from "../../../src/errors.ts";
import { serverOf } from "../../../src/serving/server.ts";
import { runScript } from "../../../tasks/script.ts";

const H200 = new URL("../../../perf/H200/meta-llama/Llama-3.1-8B/bf16", import.meta.url).pathname;

await runScript({ usage: "simulate_bench.ts [BUNDLE]", words: [0, 1] }, async (_, dir = H200) => {
  const bundle = await openBundle(dir);
  const model = await loadModel(bundle.meta.model ?? "");
  const served = await readServedSteps(dir, 1);
  if (served === null) throw new UsageError(`${dir} has no served steps at tp 1`);
  const steps = stepModel(bundle, { model, served });
  for (const ratePerS of [5, 20, 30]) {
    const load = generateLoad({ requests: 100_000, ratePerS, seed: 1 });
    const began = performance.now();
    const { steps: count, occupancy } = simulateServer(load, steps, serverOf(served.head.settings));
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `${ratePerS} requests/s: 100,000 requests in ${seconds.toFixed(1)} s, ${count} steps of ` +
        `${occupancy.requests.toFixed(1)} requests`,
    );
  }
});
