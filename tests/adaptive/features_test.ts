import assert from "node:assert/strict";
import { attentionFeatures } from "../../src/adaptive/features.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const KERNEL = { heads: 8, kvHeads: 2, multiprocessors: 4 };

function shot(
  [prefill_chunk = 0, kv_prefill = 0, n_decode = 0, kv_decode = 0]: readonly number[],
): AttentionShot {
  return { category: "attention", tp: 1, prefill_chunk, kv_prefill, n_decode, kv_decode };
}

function featuresOf(key: readonly number[], more: Partial<AttentionShot> = {}): Record<string, number> {
  const { names, columns } = attentionFeatures([{ ...shot(key), ...more }], KERNEL);
  return Object.fromEntries(names.map((name, at) => [name, columns[at]![0]!]));
}

const rounded = (value: number | undefined): number => Math.round(value! * 1e6) / 1e6;

Deno.test("attentionFeatures: decodes alone walk once per KV head", () => {
  const features = featuresOf([0, 0, 3, 64]); // 65 keys with the new one: two tiles and two more
  assert.equal(rounded(Math.exp(features.log_tiles!)), 3 * 4 * 2);
  assert.equal(rounded(Math.exp(features.log_longest_walk!)), 4);
  assert.equal(rounded(Math.exp(features.log_makespan!)), 8); // 6 walks of 4 on 4 multiprocessors
  assert.equal(rounded(Math.exp(features.log_paired_makespan!)), 4);
  assert.equal(rounded(features.decode_share), 1);
  assert.equal(features.log_empty_blocks, 0);
  assert.equal(features.waves, 6 / 4);
  assert.equal(rounded(Math.exp(features.log_kv_values!)), 3 * 65 * 2);
});

Deno.test("attentionFeatures: with a prefill every query head walks, its blocks further and further", () => {
  const features = featuresOf([100, 64, 1, 0]); // blocks up to keys 128 and 164: 2 and 3 tiles; the decode 1
  assert.equal(rounded(Math.exp(features.log_tiles!)), 8 * (4 + 5 + 3));
  assert.equal(rounded(Math.exp(features.log_longest_walk!)), 5);
  assert.equal(rounded(features.decode_share), 0.25);
  assert.equal(rounded(Math.expm1(features.log_empty_blocks!)), 8); // one beside each decode's only one
  assert.equal(features.waves, 3 * 8 / 4);
  assert.equal(rounded(Math.exp(features.log_kv_values!)), (100 + 64 + 1) * 2);
});

Deno.test("attentionFeatures: several prefills walk each for itself, the shorter beside empty blocks", () => {
  const features = featuresOf([228, -30, 1, 63], { prefills: [[128, 0], [100, 64]] });
  assert.equal(rounded(Math.exp(features.log_tiles!)), 8 * (3 + 4 + 4 + 5 + 3));
  assert.equal(rounded(Math.expm1(features.log_empty_blocks!)), 8); // two each, the decode has one
  assert.equal(rounded(Math.expm1(features.log_kv_prefill!)), 32);
  assert.equal(rounded(Math.exp(features.log_kv_values!)), (128 + 164 + 64) * 2);
  assert.equal(rounded(Math.expm1(features.log_prefills!)), 2);
  assert.equal(features.log_decode_tokens, undefined);
});

Deno.test("attentionFeatures: decodes with drafts walk once per query head", () => {
  const features = featuresOf([0, 0, 3, 60], { decode_q_len: 4 });
  assert.equal(rounded(Math.exp(features.log_tiles!)), 3 * 3 * 8);
  assert.equal(rounded(Math.exp(features.log_kv_values!)), 3 * 64 * 2);
  assert.equal(rounded(Math.exp(features.log_decode_tokens!)), 4);
  assert.equal(features.log_prefills, undefined);
});

Deno.test("attentionFeatures: finite for every kind of shot, a kernel number for each kind", () => {
  const { columns, kernel, linear } = attentionFeatures(
    [[0, 0, 1, 16], [16, 0, 0, 0], [16, 16_384, 255, 16_384]].map(shot),
    KERNEL,
  );
  for (const column of columns) assert.ok(column.every(Number.isFinite));
  assert.deepEqual([...kernel], [0, 1, 1]);
  assert.ok(linear.every((at) => at < columns.length));
});
