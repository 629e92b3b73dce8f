import assert from "node:assert/strict";
import { formatDuration } from "../../src/progress/duration.ts";

Deno.test("formatDuration: the two largest units", () => {
  const cases = [
    [0, "0.0 s"],
    [0.44, "0.4 s"],
    [9.94, "9.9 s"],
    [9.95, "10 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [3599.6, "1 h 00 min"],
    [7800, "2 h 10 min"],
    [90000, "25 h 00 min"],
  ] as const;
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
});
