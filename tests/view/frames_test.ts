import assert from "node:assert/strict";
import type { EstimatedRow } from "../../src/bundle/estimated.ts";
import pl from "nodejs-polars";
import { frames } from "../../src/view/frames/frames.ts";
import { longFrame } from "../../src/view/frames/long_frame.ts";
import { predictedSkewFrame } from "../../src/view/frames/predicted_frame.ts";
import { samplesFrame } from "../../src/view/frames/samples_frame.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { CASE, SMALL } from "./small_bundle.ts";

Deno.test("frames give every table its columns and types", () => {
  const types = (frame: pl.DataFrame): string =>
    frame.columns.map((name, i) => `${name} ${String(frame.dtypes[i]).slice("DataType(".length, -1)}`).join(
      ", ",
    );
  const all = frames(SMALL);
  assert.equal(types(all.dense(1)), "layer String, tokens Int64, time_us Float64");
  assert.equal(types(all.perSequence(1)), "layer String, sequences Int64, time_us Float64");
  assert.equal(
    types(all.attention(1)),
    "prefill_chunk Int64, kv_prefill Int64, n_decode Int64, kv_decode Int64, time_us Float64, estimated Bool, " +
      "expected_error Float64, scatter_p90 Float64",
  );
  assert.equal(types(all.moe(1)), "tokens Int64, activated_experts Int64, time_us Float64");
  assert.equal(
    types(all.skew(1)),
    "regime String, n Int64, nb Int64, ratio Float64, skew Float64, pc Int64, kp Int64, kvs Int64, kv_big Int64, " +
      "kv_mean Int64, t_mean_us Float64, t_max_us Float64, t_skew_us Float64, alpha Float64",
  );
  assert.equal(
    types(all.skewFit(1)),
    "pc Int64, n_label String, skew_rate_label String, kv_big_label String, kp_label String, alpha Float64, " +
      "n_samples Int64",
  );
});

Deno.test("frames keep values: numbers beyond 32 bits, and nulls", () => {
  assert.deepEqual(frames(SMALL).skew(1).getColumn("alpha").toArray(), [0.5, null]);
  const far = { ...SMALL, table: () => [{ layer: "o_proj", key: [2 ** 40], timeUs: 1 }] };
  assert.deepEqual(frames(far).dense(1).getColumn("tokens").toArray(), [2 ** 40]);
});

Deno.test("the frame of attention tells predicted rows from measured ones", () => {
  const [first] = SMALL.table(1, "attention");
  const estimated = (): EstimatedRow[] => [{ key: first!.key, expectedError: 0.1 }];
  const adaptive = { seed: 0, per_tp: { 1: { attention: { scatter_p90: 0.02 } } } };
  const half = { ...SMALL, estimated };
  const noted = { ...half, meta: { ...SMALL.meta, adaptive } } as unknown as typeof SMALL;
  for (const [bundle, scatter] of [[half, null], [noted, 0.02]] as const) {
    for (const frame of [frames(bundle).attention(1), frames(bundle).long("attention")]) {
      const firstTwo = (column: string): unknown[] => frame.getColumn(column).toArray().slice(0, 2);
      assert.deepEqual(firstTwo("estimated"), [true, false]);
      assert.deepEqual(firstTwo("expected_error"), [0.1, null]);
      assert.deepEqual(firstTwo("scatter_p90"), [scatter, null]);
    }
  }
});

Deno.test("a frame without rows has its columns all the same", () => {
  const none = { ...SMALL, table: () => [] };
  assert.deepEqual(frames(none).dense(1).columns, ["layer", "tokens", "time_us"]);
  assert.equal(frames(none).long("moe").height, 0);
  assert.deepEqual(longFrame([], "moe").columns, ["tokens", "activated_experts", "time_us"]);
});

Deno.test("longFrame puts degrees and bundles below each other", () => {
  const other = { ...SMALL, meta: { ...SMALL.meta, hardware: "H200" }, tps: [1] };
  const frame = longFrame([SMALL, other], "per_sequence");
  assert.deepEqual(frame.select("hardware", "tp", "sequences").rows(), [
    ["H100", 1, 1],
    ["H100", 1, 4],
    ["H100", 2, 1],
    ["H100", 2, 4],
    ["H200", 1, 1],
    ["H200", 1, 4],
  ]);
});

Deno.test("predictedSkewFrame puts a simulator's time beside the measured one", () => {
  const frame = predictedSkewFrame([CASE], predictor(SMALL), 1);
  const [{ predicted_us: predicted, error }] = frame.toRecords() as [{ predicted_us: number; error: number }];
  assert.equal(predicted, 10.5); // attention of 16 new tokens and 4 decodes at 28, the mean KV length
  assert.equal(error, 10.5 / 15 - 1);
});

Deno.test("samplesFrame has a row for every timed forward", () => {
  const shot = { category: "dense", tp: 1, key: [16], medianUs: 5, spread: 0.4 } as const;
  const frame = samplesFrame([
    { ...shot, order: 0, layer: "o_proj", samplesUs: [4, 6] },
    { ...shot, order: 0, layer: "qkv_proj", samplesUs: [8] },
  ]);
  assert.deepEqual(frame.select("order", "key", "layer", "sample", "time_us").rows(), [
    [0, "16", "o_proj", 0, 4],
    [0, "16", "o_proj", 1, 6],
    [0, "16", "qkv_proj", 0, 8],
  ]);
});
