import assert from "node:assert/strict";
import { newsOf, warningOf } from "../../src/progress/event_text.ts";
import type { RunEvent } from "../../src/events.ts";

Deno.test("newsOf says when the device drifted and what is measured again", () => {
  const sentinel = { type: "sentinel", tp: 2, drift: -0.0441, clockMhz: null, moved: true } as const;
  const cases: [RunEvent, string | null][] = [
    [{ ...sentinel, moved: false }, null],
    [sentinel, "tp 2: device drift detected (sentinel -4.4%)"],
    [
      { ...sentinel, drift: 0, clockMhz: 1410 },
      "tp 2: device drift detected (sentinel +0.0%, clock 1410 MHz)",
    ],
    [
      { type: "measuring-again", category: "attention", tp: 2, shots: 120 },
      "tp 2 attention: 120 shots are measured again",
    ],
  ];
  for (const [event, news] of cases) assert.equal(newsOf(event), news);
});

Deno.test("newsOf says how much is predicted, how well, and what the prior gained", () => {
  const bound = { estimate: 0.04, upper: 0.05 };
  const errors = { p50: bound, p90: bound, p99: bound, shots: 90 };
  const event = {
    type: "estimated",
    category: "attention",
    tp: 2,
    measured: 200,
    estimated: 800,
    scatter: null,
    errors,
  } as const;
  const some = "tp 2 attention: 200 rows measured, 800 predicted; 90% of all within 4.0%";
  const cases: [RunEvent, string][] = [
    [{ ...event, prior: null }, `${some}, with 95% confidence 5.0%`],
    [
      { ...event, prior: { without: 0.08, with: 0.045 } },
      `${some}, with 95% confidence 5.0%; the prior took this from 8.0% to 4.5%`,
    ],
    [
      { ...event, scatter: { p50: 0.01, p90: 0.02, p99: 0.04 }, prior: null },
      `${some}, with 95% confidence 5.0% (samples of a shot scatter by 2.0%)`,
    ],
    [{ ...event, errors: { ...errors, p90: { estimate: 0.04, upper: Infinity } }, prior: null }, some],
    [
      { ...event, measured: 1000, estimated: 0, prior: null },
      "tp 2 attention: 1,000 rows measured, 0 predicted",
    ],
  ];
  for (const [told, news] of cases) assert.equal(newsOf(told), news);
});

Deno.test("newsOf names the engine that boots, and how many devices share its experts", () => {
  const booted = { type: "booted", tp: 1, limits: {}, layers: {}, seconds: 75 } as unknown as RunEvent;
  const cases: [RunEvent, string | null][] = [
    [{ type: "starting", harness: "vllm" }, "starting the harness vllm"],
    [{ type: "booting", tp: 4 }, "tp 4: booting the engine"],
    [{ type: "booting", tp: 1, ep: 8 }, "tp 1, experts of one of 8 devices: booting the engine"],
    [booted, "tp 1: booted in 1 min 15 s"],
    [
      { type: "complete", tp: 4, shots: 8643 },
      "tp 4: complete already, 8,643 shots planned; no engine is booted",
    ],
    [{ ...booted, ep: 2 } as RunEvent, "tp 1, experts of one of 2 devices: booted in 1 min 15 s"],
    [{ type: "notice", message: "x" }, null],
  ];
  for (const [event, news] of cases) assert.equal(newsOf(event), news);
});

Deno.test("warnings are notices and failed shots, with the fields of a shot's key", () => {
  const failed = {
    type: "failed-shot",
    category: "dense",
    tp: 2,
    key: [16],
    kind: "timeout",
    message: "too late",
  };
  assert.equal(warningOf(failed as RunEvent), "Failed: dense tp 2 (tokens 16): too late (timeout)");
  assert.equal(warningOf({ type: "notice", message: "look" }), "Note: look");
  assert.equal(warningOf({ type: "booting", tp: 1 }), null);
});

Deno.test("newsOf: a fit tells its errors on cases that it did not see, where there are any", () => {
  const figures = (share: number): unknown => ({
    all: { rel_err_p50: share, rel_err_p90: 2 * share, rel_err_p99: 3 * share },
  });
  const degree = { method: "shrinkage", cases: 12, in_sample: figures(0.01) };
  const report = new Map<number, unknown>([
    [1, { ...degree, out_of_sample: { k_fold: figures(0.02) } }],
    [2, degree],
  ]);
  assert.equal(
    newsOf({ type: "fitted", method: "shrinkage", report } as never),
    "alphas fitted by shrinkage; tp 1: 12 cases, 2.00 / 4.00 / 6.00% off (half, 90%, 99% of unseen cases); " +
      "tp 2: 12 cases, 1.00 / 2.00 / 3.00% off (half, 90%, 99% of fitted cases)",
  );
});
