import assert from "node:assert/strict";
import { afterRestNs } from "../../src/predict/after_rest.ts";

const cases: [string, number, number, number | undefined, number][] = [
  ["shorter than the limit takes to act is that of a cool device", 90, 120, undefined, 90],
  ["as long as that, too", 100, 120, undefined, 100],
  ["longer is limited for what is left of it", 150, 180, undefined, 100 + 50 * 1.2],
  ["without a limit is the same in both states", 150, 150, undefined, 150],
  ["of another device has its own time", 150, 180, 50, 50 + 100 * 1.2],
];

for (const [what, coolMs, sustainedMs, reactionMs, expectedMs] of cases) {
  Deno.test(`a step after a rest that is ${what}`, () => {
    const step = { coolNs: coolMs * 1e6, sustainedNs: sustainedMs * 1e6 };
    const found = reactionMs === undefined ? afterRestNs(step) : afterRestNs(step, reactionMs * 1e6);
    assert.equal(Math.round(found), expectedMs * 1e6);
  });
}
