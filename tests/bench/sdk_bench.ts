/**
 * What this project itself costs, as a table: `deno task bench`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { openBundle } from "../../src/bundle/open.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import { planSweeps } from "../../src/shots/plan_sweeps.ts";
import { CATEGORY_ORDER } from "../../src/shots/shot.ts";
import { runScript } from "../../tasks/script.ts";
import { measureExecute } from "./execute_bench.ts";
import { measureFrames } from "./frames_bench.ts";
import { formatMeasurements, type Measurement, timed } from "./measure.ts";
import { measureMemory } from "./memory_bench.ts";
import { LARGEST, writeSyntheticBundle } from "./synthetic_bundle.ts";

async function measurePlanning(): Promise<Measurement[]> {
  const architecture = await loadArchitecture(
    "llama",
    fileURLToPath(new URL("../../configs", import.meta.url)),
  );
  const plan = (): unknown =>
    planSweeps({
      architecture,
      limits: {
        max_num_batched_tokens: 2048,
        max_num_seqs: 256,
        num_cache_tokens: 4_400_000,
        max_model_len: 131_072,
        num_experts: null,
        top_k: null,
        block_size: 16,
      },
      tp: 1,
      maxNumBatchedTokens: 2048,
      maxNumSeqs: 256,
      attentionMaxKv: 16_384,
      attentionChunkFactor: 2,
      attentionKvFactor: 2,
      skewNFactor: 2,
      skewPcFactor: 2,
      skewKpFactor: 2,
      skewKvsFactor: 2,
      skewMode: "interpolated",
      skipSkew: true,
      onlySkew: false,
      parity: true,
    });
  const { firstMs, medianMs } = await timed(20, plan);
  return [
    {
      what: "Planning the default grid (8,643 attention shots), first",
      value: firstMs,
      unit: "ms",
      limit: 15,
    },
    { what: "Planning the default grid, median of 20", value: medianMs, unit: "ms" },
  ];
}

async function measureOpening(): Promise<Measurement[]> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-bench-" });
  try {
    await writeSyntheticBundle(dir, LARGEST);
    const open = async (): Promise<void> => {
      const bundle = await openBundle(dir);
      for (const tp of bundle.tps) {
        for (const category of CATEGORY_ORDER) bundle.table(tp, category);
        bundle.skew(tp);
        bundle.skewFit(tp);
      }
    };
    const { firstMs, medianMs } = await timed(10, open);
    return [
      {
        what: "Opening a bundle of the largest size, every table read, first",
        value: firstMs,
        unit: "ms",
        limit: 80,
      },
      { what: "Opening it, median of 10", value: medianMs, unit: "ms", limit: 80 },
    ];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

await runScript({ usage: "sdk_bench.ts" }, async () => {
  const rows = [
    ...await measurePlanning(),
    ...await measureOpening(),
    ...await measureFrames(),
    ...await measureExecute(),
    ...await measureMemory(),
  ];
  Deno.stdout.writeSync(new TextEncoder().encode(formatMeasurements(rows) + "\n"));
});
