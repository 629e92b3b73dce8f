/** Where figures and reports take communication from. */
import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { collectivesPath, formatCollectives } from "../../src/bundle/collectives_file.ts";
import { bundleCommunication, decodeIterations } from "../../src/view/iterations.ts";
import { comparisonReport } from "../../src/view/report/report.ts";

const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
const model = await loadModel("meta-llama/Llama-3.1-8B");

const sample = (bytes: number, us: number) => ({
  ...{ ranks: 2, way: "vllm", bytes, us, minUs: us, maxUs: us, trials: 5 } as const,
});
const MEASURED = formatCollectives({
  head: {
    ...{ format: 1, backend: "nccl", device: "x", driver: "1", runtime: "torch", engine_version: "1" },
    ...{ graphs: true, dtype: "bfloat16", host: { processor: "x", cores: 1 }, at: "2026-11-29T00:00:00Z" },
  },
  samples: [4096, 2 ** 26].flatMap((bytes) =>
    (["all_reduce", "all_gather"] as const).map((collective) => ({ ...sample(bytes, 50), collective }))
  ),
});

Deno.test("communication is what was measured beside the bundle, else the sheet's, and at degree 1 nothing is sent", async () => {
  const perfDir = await Deno.makeTempDir();
  const hardware = `${perfDir}/H100`;
  await Deno.mkdir(hardware);
  const beside = { ...bundle, dir: `${hardware}/org/name/bf16` };
  const none = await bundleCommunication(beside);
  assert.equal(none(2)?.source, "data sheet");
  const [, single] = decodeIterations(bundle, model, { kv: 1024, requests: [8], communication: none(1) })[0]!;
  assert.deepEqual([single.communication, single.excludes], [undefined, ["scheduling"]]);
  const unknown = await bundleCommunication({
    ...beside,
    meta: { ...bundle.meta, gpu: "a device of its own" },
  });
  assert.equal(unknown(2), null);
  await Deno.writeTextFile(collectivesPath(hardware), MEASURED);
  const at = await bundleCommunication(beside);
  assert.deepEqual([2, 4].map((tp) => at(tp)?.source), ["measured", "data sheet"]);
  const sizes = { tp: 2, kv: 1024, requests: [8] };
  const [, alone] = decodeIterations(bundle, model, sizes)[0]!;
  const [, sent] = decodeIterations(bundle, model, { ...sizes, communication: at(2) })[0]!;
  assert.equal(sent.totalNs - alone.totalNs, (65 + 1) * 50_000); // 65 all-reduces and an all-gather of 50 µs
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("a comparison's iterations have communication above degree 1, with its source", async () => {
  const html = await comparisonReport(bundle, bundle, [model, model]);
  assert.match(html, /communication by a data sheet, an estimate/);
  assert.match(html, /"all_reduce"/);
});
