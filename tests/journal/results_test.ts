/** Results files of version 1, line by line: what each says in a journal of today. */
import assert from "node:assert/strict";
import { readFired } from "../../src/journal/fired.ts";
import { JOURNAL_FORMAT } from "../../src/journal/line.ts";
import { stateAt } from "./states.ts";

const TEXT = await Deno.readTextFile(new URL("../data/results-v1.jsonl", import.meta.url));
const [HEADER = "", HELLO = ""] = TEXT.split("\n");
const encoded = (lines: readonly (string | object)[]): Uint8Array =>
  new TextEncoder().encode(
    [HEADER, ...lines].map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""),
  );
const read = (...lines: (string | object)[]): ReturnType<typeof readFired> =>
  readFired("r.jsonl", encoded(lines));

const DENSE = { category: "dense", tp: 1, tokens: 16 };
const ATTENTION = {
  category: "attention",
  tp: 1,
  prefill_chunk: 16,
  kv_prefill: 0,
  n_decode: 2,
  kv_decode: 64,
};
const ID = { category: "attention", tp: 1, key: [16, 0, 2, 64] };
const state = (sm_clock_mhz: number | null, at_s?: number): object => ({
  ...stateAt(sm_clock_mhz),
  ...at_s !== undefined && { at_s },
});
const samples = { attention: [12, 11, 13] };
const sentinel = { type: "result", shot: ATTENTION, samples, sentinel: true };
const cost = { type: "cost", wall_us: 0 };

const cases: [what: string, lines: object[], journal: object[]][] = [
  ["a shot", [{ type: "result", shot: DENSE, samples: { proj: [1, 2] }, stop: "iterations" }], [
    { type: "shot", category: "dense", tp: 1, key: [16], samples: { proj: [1, 2] }, stop: "iterations" },
  ]],
  ["a failure", [{ type: "failed", shot: DENSE, kind: "timeout", message: "late" }], [
    { type: "failed", category: "dense", tp: 1, key: [16], kind: "timeout", message: "late" },
  ]],
  ["a failure of a sentinel", [{
    type: "failed",
    shot: ATTENTION,
    kind: "timeout",
    message: "late",
    sentinel: true,
  }], [
    { type: "failed", ...ID, kind: "timeout", message: "late", sentinel: true },
  ]],
  ["what it took", [{ type: "done", wall_us: 5, device_busy_us: 3 }, { type: "done" }], [
    { type: "cost", wall_us: 5, device_busy_us: 3 },
    cost,
  ]],
  ["states, with their moment where they have one", [state(1500, 7), state(null)], [
    state(1500, 7),
    state(null),
  ]],
  ["names of kernels and chunks", [{ type: "kernels", names: { ab: "gemm" } }, {
    type: "chunk",
    shots: ["x"],
  }], [
    { type: "kernels", names: { ab: "gemm" } },
    { type: "chunk" },
  ]],
  ["lasting loads", [{
    ...{ type: "sustained", shot: DENSE },
    layers: { proj: { time_us: 5, power_w: 700, sm_clock_mhz: 1500 } },
  }], [{
    ...{ type: "sustained", category: "dense", tp: 1, key: [16] },
    layers: { proj: { time_us: 5, power_w: 700, sm_clock_mhz: 1500 } },
  }]],
  // A sentinel's clock is the one behind it, its moment that of the last state that had one.
  ["a sentinel before its state", [sentinel, state(1500, 7), { type: "done" }], [
    state(1500, 7),
    { type: "sentinel", ...ID, samples, clock_mhz: 1500, clocks_mhz: [1500, 1500], at_s: 7 },
    cost,
  ]],
  ["a sentinel at the end, on a device that tells nothing", [sentinel], [
    { type: "sentinel", ...ID, samples, clock_mhz: null },
  ]],
  ["a sentinel before a shot", [sentinel, { type: "result", shot: DENSE, samples: { proj: [1] } }], [
    { type: "sentinel", ...ID, samples, clock_mhz: null },
    { type: "shot", category: "dense", tp: 1, key: [16], samples: { proj: [1] } },
  ]],
  ["a sentinel before a chunk, none before the next", [sentinel, { type: "chunk", shots: [] }, {
    ...{ type: "chunk", shots: [] },
  }], [
    { type: "sentinel", ...ID, samples, clock_mhz: null },
    { type: "chunk" },
    { type: "chunk" },
  ]],
  ["clocks since the sentinel before, of states with a chunk's end behind them", [
    ...[state(1500, 1), { type: "done" }, state(1400), { type: "done" }, sentinel, { type: "done" }],
    ...[state(1900), { type: "done" }, { type: "done" }, sentinel, { type: "done" }],
  ], [
    ...[state(1500, 1), cost, state(1400), cost],
    { type: "sentinel", ...ID, samples, clock_mhz: 1400, clocks_mhz: [1400, 1500], at_s: 1 },
    ...[cost, state(1900), cost, cost],
    { type: "sentinel", ...ID, samples, clock_mhz: 1900, clocks_mhz: [1900, 1900], at_s: 1 },
    cost,
  ]],
];
for (const [what, lines, journal] of cases) {
  Deno.test(`results of version 1 are read as a journal: ${what}`, () => {
    const found = read(...lines);
    assert.deepEqual(found.lines, journal);
    assert.deepEqual([found.header.id, found.notices], ["2026-03-01T09:30:00Z", []]);
  });
}

Deno.test("a session began when its worker said hello, else when the file was begun", () => {
  const hello = JSON.parse(HELLO);
  const [session] = read(hello).lines;
  assert.ok(session?.type === "session");
  assert.deepEqual([session.format, session.started, session.identity.quantity], [
    JOURNAL_FORMAT,
    "2026-03-01T09:29:20.500Z",
    "kernel",
  ]);
  assert.deepEqual([session.settings.model, session.identity.dtype], ["Qwen/Qwen3-0.6B", "bfloat16"]);
  const { at_s: _, ...plain } = hello;
  const [other] = read(plain).lines;
  assert.ok(other?.type === "session" && other.started === "2026-03-01T09:30:00Z");
});

const odd: (string | object)[] = [
  ...["{", "7", "null", { type: "tea" }, { type: "result", samples: { proj: [1] } }],
  ...[{ type: "failed", kind: "timeout", message: "late" }, { type: "sustained", layers: {} }],
  { type: "result", shot: DENSE, samples: { proj: [1] }, at_s: "now" },
];
for (const line of odd) {
  Deno.test(`a line of results that is none is told, the others are read: ${JSON.stringify(line)}`, () => {
    const { lines, notices } = read(line, { type: "chunk", shots: [] });
    assert.deepEqual(lines, [{ type: "chunk" }]);
    assert.equal(notices.length, 1);
    assert.match(notices[0]!, /^r\.jsonl\b.*\b(line )?2\b/);
  });
}

Deno.test("a file of another version, or of another kind, is refused by its first line; one line alone is read", () => {
  const refused = [HEADER.replace('"version":1', '"version":2'), '{"type":"results"}', '{"type":"shot"}', ""]
    .map((text) => {
      try {
        readFired("r.jsonl", new TextEncoder().encode(text));
        return "read";
      } catch (error) {
        return (error as Error).message.split(":")[0];
      }
    });
  assert.deepEqual(refused, new Array(4).fill("Cannot read r.jsonl, line 1"));
  const alone = readFired("r.jsonl", new TextEncoder().encode(HEADER));
  assert.deepEqual([alone.header.quantity, alone.lines], ["kernel", []]);
});

Deno.test("a journal of today is read as it stands, its plan apart", () => {
  const { id, header } = { id: "x", header: read().header };
  const lines = [{ ...header, id }, { type: "chunk" }].map((line) => JSON.stringify(line) + "\n").join("");
  const found = readFired("j.jsonl", new TextEncoder().encode(lines));
  assert.deepEqual([found.header.id, found.lines, found.notices], ["x", [{ type: "chunk" }], []]);
});
