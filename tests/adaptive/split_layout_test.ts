import assert from "node:assert/strict";
import { layOutSplit } from "../../src/adaptive/split_layout.ts";

const KERNEL = { heads: 32, kvHeads: 8, multiprocessors: 132 };

Deno.test("layOutSplit: decodes that fill the device are not split", () => {
  const { splitLimit, decodeBlocks, decodeTiles, longestWalk, makespan } = layOutSplit(
    { prefills: [], decodes: [[4095, 64]] },
    KERNEL,
  );
  assert.equal(splitLimit, 14); // were one alone, 14 parts of 8 heads would use 112 of 132, 16 parts 128
  assert.deepEqual([decodeBlocks, decodeTiles, longestWalk], [512, 512 * 32, 32]);
  assert.equal(makespan(0), 4 * 32); // 512 walks on 132 multiprocessors
});

Deno.test("layOutSplit: parts are as long as spreads all tiles evenly, with a tenth to spare", () => {
  // 2,112 tiles and a tenth on 132 multiprocessors: 18 each, so 33 tiles make two parts, of 17 and 16.
  const { decodeBlocks, longestWalk, makespan } = layOutSplit(
    { prefills: [], decodes: [[4096, 8]] },
    KERNEL,
  );
  assert.deepEqual([decodeBlocks, longestWalk], [128, 17]);
  assert.equal(makespan(1), 18);
});

Deno.test("layOutSplit: short keys are never split", () => {
  const { splitLimit, decodeBlocks } = layOutSplit({ prefills: [], decodes: [[511, 1]] }, KERNEL);
  assert.deepEqual([splitLimit, decodeBlocks], [1, 8]);
});

Deno.test("layOutSplit: the query heads of a KV head share the rows of a prefill's tiles", () => {
  // 256 tokens of 4 heads are 8 tiles of rows; the first two walk one tile of keys more than the history's two.
  const { prefillBlocks, prefillTiles, splitLimit } = layOutSplit({ prefills: [[256, 256]], decodes: [] }, {
    ...KERNEL,
    multiprocessors: 64,
  });
  assert.equal(splitLimit, 1);
  assert.equal(prefillBlocks, 8 * 8);
  assert.equal(prefillTiles, 8 * (4 * 3 + 4 * 4));
});

Deno.test("layOutSplit: a prefill of few rows has tiles of 64", () => {
  const blocksOf = (chunk: number): number =>
    layOutSplit({ prefills: [[chunk, 0]], decodes: [] }, KERNEL).prefillBlocks;
  assert.deepEqual([16, 17, 32, 33].map(blocksOf), [8, 8, 8, 16]);
});

Deno.test("layOutSplit: the last rows of a prefill walk as far as its last token", () => {
  // 100 tokens of 4 heads are 4 tiles of rows; the last token is the 128th key.
  const tilesOf = (history: number): number =>
    layOutSplit({ prefills: [[100, history]], decodes: [] }, KERNEL).prefillTiles;
  assert.deepEqual([28, 29].map(tilesOf), [8 * 4, 8 * 5]);
});

Deno.test("layOutSplit: every request has its own number of parts, under one limit", () => {
  const { decodeTiles, decodeBlocks } = layOutSplit(
    { prefills: [], decodes: [[16_383, 1], [127, 3]] },
    KERNEL,
  );
  assert.equal(decodeTiles, 8 * (128 + 3));
  assert.equal(decodeBlocks, 8 * (15 + 3)); // 9 tiles a part: 15 parts, the last one of 2
});

Deno.test("layOutSplit: prefills walk each along its own keys, drafts along those of their decode", () => {
  const device = { ...KERNEL, multiprocessors: 64 };
  const one = layOutSplit({ prefills: [[256, 256]], decodes: [] }, device);
  const two = layOutSplit({ prefills: [[256, 256], [256, 256]], decodes: [] }, device);
  assert.deepEqual([two.prefillBlocks, two.prefillTiles], [2 * one.prefillBlocks, 2 * one.prefillTiles]);
  const drafts = layOutSplit({ prefills: [], decodes: [[124, 3]], decodeTokens: 5 }, device);
  assert.deepEqual([drafts.decodeBlocks, drafts.decodeTiles], [8 * 3, 8 * 3 * 2]); // 129 keys: two tiles
});
