import assert from "node:assert/strict";
import { progressLine } from "../../../tasks/setup/progress_line.ts";

function shown(inPlace: boolean): string {
  let text = "";
  let now = 0;
  const line = progressLine({ write: (part) => text += part, inPlace }, () => now);
  for (const [at, said] of [[0, "a long one"], [1000, "two"], [6000, "three"], [7000, "four"]] as const) {
    now = at;
    line.show(said);
  }
  line.end();
  return text;
}

Deno.test("on a terminal a line is written over the one before", () => {
  assert.equal(shown(true), "\ra long one\rtwo       \rthree\rfour \n");
});

Deno.test("elsewhere there is a line every 5 s and the last one", () => {
  assert.equal(shown(false), "a long one\nthree\nfour\n");
});
