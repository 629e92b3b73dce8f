import { draw, normal, randomFrom } from "../../src/random.ts";
import assert from "node:assert/strict";
import { chooseShots } from "../../src/adaptive/acquisition.ts";

const LEFT = Int32Array.from({ length: 100 }, (_, i) => 2 * i);

Deno.test("draw: without putting back, all when there are fewer, the source untouched", () => {
  const from = Int32Array.of(5, 6, 7);
  assert.deepEqual([...draw(from, 9, randomFrom(1))].sort(), [5, 6, 7]);
  assert.deepEqual([...from], [5, 6, 7]);
  assert.equal(draw(from, 0, randomFrom(1)).length, 0);
});

Deno.test("draw: every one is as likely", () => {
  const random = randomFrom(11);
  const counts = new Int32Array(5);
  for (let i = 0; i < 5000; i++) {
    for (const each of draw(Int32Array.of(0, 1, 2, 3, 4), 2, random)) counts[each]!++;
  }
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 150, `${counts}`);
});

Deno.test("normal: mean 0, standard deviation 1", () => {
  const random = randomFrom(5);
  const values = Array.from({ length: 20_000 }, () => normal(random));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(square - 1) < 0.04, `${mean} ${square}`);
});

Deno.test("chooseShots: chance alone as long as nothing is known", () => {
  const { doubtful, fair } = chooseShots(10, LEFT, null, randomFrom(1));
  assert.equal(doubtful.length, 0);
  assert.equal(new Set(fair).size, 10);
});

Deno.test("chooseShots: half by the largest predicted error, half by chance, none twice", () => {
  const errors = Float64Array.from({ length: 200 }, (_, shot) => shot >= 180 ? 1 : 1e-9);
  const { doubtful, fair } = chooseShots(10, LEFT, errors, randomFrom(2));
  assert.equal(fair.length, 5);
  assert.equal(doubtful.length, 5);
  assert.ok(doubtful.every((shot) => shot >= 180 && shot % 2 === 0));
  assert.equal(new Set([...doubtful, ...fair]).size, 10);
});

Deno.test("chooseShots: no more than are left", () => {
  const { doubtful, fair } = chooseShots(10, Int32Array.of(3, 4, 5), new Float64Array(6), randomFrom(3));
  assert.deepEqual([...doubtful, ...fair].sort(), [3, 4, 5]);
});
