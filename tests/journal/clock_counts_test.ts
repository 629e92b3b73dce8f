import assert from "node:assert/strict";
import { countClocks } from "../../src/journal/clock_counts.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import { stateAt } from "./states.ts";

const shot = (category: "dense" | "attention", lane?: string): JournalLine => ({
  ...{ type: "shot", category, tp: 1, key: [1], samples: { a: [1] } },
  ...lane !== undefined && { lane },
});
const state = (sm_clock_mhz: number | null, lane?: string): JournalLine => ({
  ...stateAt(sm_clock_mhz),
  ...lane !== undefined && { lane },
});
const session = { type: "session" } as JournalLine;

const CASES: Record<string, [lines: JournalLine[], counts: Record<string, Record<string, number>>]> = {
  "a chunk has the clock after it": [
    [state(1980), shot("dense"), shot("dense"), state(1830), state(1980), shot("attention"), state(1980)],
    { dense: { 1830: 2 }, attention: { 1980: 1 } },
  ],
  "lanes have clocks of their own": [
    [shot("dense", "a"), shot("dense", "b"), state(1500, "b"), state(1980, "a")],
    { dense: { 1500: 1, 1980: 1 } },
  ],
  "what no state follows has none": [[shot("dense"), session, state(1980)], {}],
  "a device that does not tell has none": [[shot("dense"), state(null), state(1980)], {}],
};
for (const [what, [lines, counts]] of Object.entries(CASES)) {
  Deno.test(`clocks of shots: ${what}`, () => {
    const clocks = countClocks();
    for (const line of lines) clocks.take(line);
    assert.deepEqual(clocks.counts, counts);
  });
}
