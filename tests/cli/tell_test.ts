import assert from "node:assert/strict";
import { newsOf } from "../../src/cli/tell.ts";
import type { RunEvent } from "../../src/run/events.ts";

Deno.test("newsOf says when the device has moved and what is measured again", () => {
  const sentinel = { type: "sentinel", tp: 2, drift: -0.0441, clockMhz: null, moved: true } as const;
  const cases: [RunEvent, string | null][] = [
    [{ ...sentinel, moved: false }, null],
    [sentinel, "tp 2: the device has moved (sentinel -4.4%)"],
    [
      { ...sentinel, drift: 0, clockMhz: 1410 },
      "tp 2: the device has moved (sentinel +0.0%, clock 1410 MHz)",
    ],
    [
      { type: "measuring-again", category: "attention", tp: 2, shots: 120 },
      "tp 2 attention: 120 shots are measured again",
    ],
  ];
  for (const [event, news] of cases) assert.equal(newsOf(event), news);
});
