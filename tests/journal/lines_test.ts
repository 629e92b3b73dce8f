/** Lines that are none, and what is counted of sentinels. */
import assert from "node:assert/strict";
import { newJudge } from "../../src/journal/judge.ts";
import { readLines } from "../../src/journal/file.ts";
import { JOURNAL_FORMAT, type JournalLine, parseJournalLine } from "../../src/journal/line.ts";

const SHOT = { type: "shot", category: "dense", tp: 1, key: [16], samples: { proj: [1, 2] } };
const read = (line: unknown): { lines: unknown[]; notices: readonly string[] } => {
  const lines: unknown[] = [];
  const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  const { notices } = readLines<JournalLine>("journal.jsonl", bytes, (each) => lines.push(each));
  return { lines, notices };
};

const good = [
  SHOT,
  { ...SHOT, stop: "precision", recordings: 2, lane: "device 1" },
  { ...SHOT, kernels: { proj: ["ab"] }, kernel_sums: { proj: [3] } },
  { ...SHOT, kernels: { proj: [] } },
  { ...SHOT, key: [] },
  { ...SHOT, key: [0] },
  { ...SHOT, category: "attention", key: [16, 0.5, 2, 128] },
  { ...SHOT, category: "attention", key: [0, -0.5, 0, 0] },
  { ...SHOT, recordings: 1 },
  { ...SHOT, shot_clocks_mhz: [1980, 1384] },
  { ...SHOT, kernels: { proj: ["ab", "cd"], norm: [] }, kernel_sums: { proj: [3, 4], norm: [1] } },
];
for (const line of good) {
  Deno.test(`a line of a shot is read: ${JSON.stringify(line).slice(50, 130)}`, () => {
    assert.deepEqual(read(line), { lines: [line], notices: [] });
  });
}
const bad = [
  { ...SHOT, samples: { proj: [] } },
  { ...SHOT, samples: { proj: [0] } },
  { ...SHOT, samples: { proj: [-1] } },
  { ...SHOT, samples: { proj: ["1"] } },
  { ...SHOT, samples: [] },
  { ...SHOT, tp: 0 },
  { ...SHOT, tp: 1.5 },
  { ...SHOT, category: "conv" },
  { ...SHOT, key: ["16"] },
  { ...SHOT, stop: "tired" },
  { ...SHOT, recordings: 0 },
  { ...SHOT, lane: 7 },
  { ...SHOT, kernels: { proj: [1] } },
  { ...SHOT, kernel_sums: { proj: [] } },
  { ...SHOT, samples: { proj: [1, 0] } },
  { ...SHOT, samples: { proj: [1, null] } },
  { ...SHOT, samples: { proj: [1], norm: [] } },
  { ...SHOT, samples: { proj: [1], norm: "1" } },
  { ...SHOT, samples: null },
  { ...SHOT, samples: "proj" },
  { ...SHOT, key: [16, -1] },
  { ...SHOT, key: [16, 0.5] },
  { ...SHOT, key: "16" },
  { ...SHOT, category: "attention", key: [0.5, 0, 2, 128] },
  { ...SHOT, category: "attention", key: [16, "0", 2, 128] },
  { ...SHOT, category: "attention", key: [16, 0, 0.5, 128] },
  { ...SHOT, kernels: { proj: ["ab", 1] } },
  { ...SHOT, kernels: { proj: ["ab"], norm: [1] } },
  { ...SHOT, kernels: ["ab"] },
  { ...SHOT, kernels: null },
  { ...SHOT, kernel_sums: { proj: [3], norm: [] } },
  { ...SHOT, kernel_sums: [3] },
  { ...SHOT, recordings: 1.5 },
  ...[[1980], [1980, 0], [1980, null], [1, 2, 3], ["1980", 1980], 1980, null].map((shot_clocks_mhz) => ({
    ...SHOT,
    shot_clocks_mhz,
  })),
  ...[null, 7, "shot", [], {}, { type: "tea" }, { type: "tea", format: 1 }, { format: "9" }],
];
for (const line of bad) {
  Deno.test(`a line that is no shot's is left out and told: ${JSON.stringify(line).slice(-90)}`, () => {
    const { lines, notices } = read(line);
    assert.deepEqual(lines, []);
    assert.equal(notices.length, 1);
  });
}

Deno.test("every sentinel's drift is kept, as it was judged when it came", () => {
  const judge = newJudge();
  const identity = {} as never;
  const watch = { every_s: 30, share: 0.03 };
  judge.take({ type: "session", format: 2, started: "2026-03-01T09:30:00Z", identity, settings: {}, watch });
  for (const timeUs of [100, 102, 110, 99]) {
    const samples = { attention: [timeUs] };
    judge.take({
      type: "sentinel",
      category: "attention",
      tp: 1,
      key: [16, 0, 2, 128],
      samples,
      clock_mhz: null,
    });
  }
  assert.deepEqual(judge.drifts.map((drift) => drift.toFixed(2)), ["0.00", "0.02", "0.10", "-0.01"]);
  assert.deepEqual(judge.sentinelKey(1), [16, 0, 2, 128]);
  assert.equal(judge.sentinelKey(2), null);
});

Deno.test("a number that JSON cannot hold is no time", () => {
  const text = JSON.stringify(SHOT).replace("[1,2]", "[1,1e999]");
  assert.equal(parseJournalLine(text), null);
});

Deno.test("a line of a newer format tells which one it is; one of this format that is none tells nothing", () => {
  const read = [1, 0, -1].map((newer) =>
    parseJournalLine(JSON.stringify({ type: "session", format: JOURNAL_FORMAT + newer }))
  );
  assert.deepEqual(read, [JOURNAL_FORMAT + 1, null, null]);
});
