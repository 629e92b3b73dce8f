import assert from "node:assert/strict";
import { draw, gaussian, normal, randomFrom, uniform } from "../src/random.ts";

Deno.test("a seed's stream is what it was: a run is repeated by its seed in any later version", () => {
  const random = randomFrom(1);
  assert.deepEqual([random(), random(), random()], [
    0.6270739405881613,
    0.002735721180215478,
    0.5274470399599522,
  ]);
  assert.deepEqual([...draw(Int32Array.from({ length: 10 }, (_, i) => i), 4, randomFrom(1))], [6, 1, 0, 9]);
  assert.deepEqual(
    [uniform("a", 1), gaussian("a", 1), normal(randomFrom(1))],
    [0.9017827003262937, -0.0879587217024063, 1.4043387784152637],
  );
});
