import assert from "node:assert/strict";
import { partLine, PARTS } from "../../../tasks/test/parts.ts";

const THREE = [{ title: "one", usualS: 200 }, { title: "two", usualS: 100 }, { title: "three", usualS: 50 }];

Deno.test("a part begins with a line that says what is left, as fast as the parts before it were", () => {
  assert.equal(partLine(THREE, []), "[1/3] one: about 6 min left, if this machine is like two AVX2 cores");
  assert.equal(partLine(THREE, [100]), "[2/3] two: about 80 s left");
  assert.equal(partLine(THREE, [400, 500]), "[3/3] three: about 3 min left");
});

Deno.test("every test is in one part", () => {
  const apart = PARTS.flatMap(({ args }) => args.filter((arg) => arg.startsWith("tests/")));
  const ignored = PARTS[0]!.args.find((arg) => arg.startsWith("--ignore="))!.slice("--ignore=".length);
  assert.deepEqual(apart.sort(), ignored.split(",").sort());
});
