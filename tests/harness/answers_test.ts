/** What fire and sustain make of answers, line by line. */
import assert from "node:assert/strict";
import { converse } from "../../src/harness/conversation.ts";
import { fireOn } from "../../src/harness/fire_on.ts";
import type { FireFact, FireRequest } from "../../src/harness/harness.ts";
import { sustainOn } from "../../src/harness/sustain_on.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { scriptedChild } from "./scripted_child.ts";

const SHOTS: readonly Shot[] = [1, 2].map((tokens) => ({ category: "dense", tp: 1, tokens }));
const REQUEST: FireRequest = { shots: SHOTS, iterations: 3, quantity: "wall" };
const LAYERS = { o_proj: { class: "O", modules: 1 }, norm: { class: "N", modules: 1 } };
const STATE = {
  sm_clock_mhz: 1980,
  memory_clock_mhz: null,
  temperature_c: 38,
  power_w: 90.5,
  throttle: ["power"],
};
const result = (index: number, count = 3, more = {}): object => ({
  type: "result",
  seq: 7,
  index,
  samples: { o_proj: new Array(count).fill(2) },
  ...more,
});
const done = { type: "done", seq: 7 };

/** Fires, and gives what came and how it ended. */
async function fire(
  script: readonly object[],
  request: Partial<FireRequest> = {},
): Promise<{ came: unknown[]; facts: FireFact[]; error: string | null; stops: number[]; sent: unknown[] }> {
  const child = scriptedChild(script);
  const facts: FireFact[] = [];
  const came: unknown[] = [];
  const asked = { ...REQUEST, ...request, seq: 7, layers: LAYERS };
  let error: string | null = null;
  try {
    const onFact = (fact: FireFact): void => void facts.push(fact);
    for await (const outcome of fireOn(converse("toy", child), asked, 60, { onFact })) came.push(outcome);
  } catch (thrown) {
    error = (thrown as Error).message.replace("Harness 'toy' broke the protocol while ", "");
  }
  return { came, facts, error, stops: child.stops, sent: child.sent };
}

const measured = (index: number, count = 3, more = {}): unknown => ({
  status: "measured",
  index,
  samples: { o_proj: new Array(count).fill(2) },
  ...more,
});

Deno.test("fire sends what is asked, and passes outcomes and facts on", async () => {
  const failed = { index: 1, kind: "out_of_memory", message: "no room" };
  const { came, facts, error, stops, sent } = await fire([
    { type: "state", seq: 7, ...STATE },
    { type: "kernels", names: { ab: "gather" } },
    result(0, 3, { stop: "iterations", kernels: { o_proj: ["ab"] }, kernel_sums: { o_proj: [2, 2, 2] } }),
    { type: "failed", seq: 7, ...failed },
    { type: "done", seq: 7, wall_us: 900 },
  ]);
  assert.deepEqual(sent, [{ type: "fire", seq: 7, ...REQUEST }]);
  assert.deepEqual(came, [
    measured(0, 3, { stop: "iterations", kernels: { o_proj: ["ab"] }, kernel_sums: { o_proj: [2, 2, 2] } }),
    { status: "failed", ...failed },
  ]);
  assert.deepEqual(facts, [
    { type: "state", ...STATE },
    { type: "kernels", names: { ab: "gather" } },
    { type: "cost", device_busy_us: null, wall_us: 900 },
  ]);
  assert.deepEqual([error, stops], [null, []]);
});

const costs: [object, FireFact[]][] = [
  [{}, []],
  [{ device_busy_us: 5 }, []],
  [{ wall_us: 9 }, [{ type: "cost", device_busy_us: null, wall_us: 9 }]],
  [{ wall_us: 9, device_busy_us: 5 }, [{ type: "cost", device_busy_us: 5, wall_us: 9 }]],
];
for (const [cost, facts] of costs) {
  Deno.test(`what a chunk cost is told where it is known: ${JSON.stringify(cost)}`, async () => {
    assert.deepEqual((await fire([result(0), result(1), { ...done, ...cost }])).facts, facts);
  });
}

const precision = { relative: 0.01, min: 2, max: 5 };
const counts: [number, Partial<FireRequest>, string | null][] = [
  [3, {}, null],
  [2, {}, "expected 3 samples of layer 'o_proj', got 2"],
  [4, {}, "expected 3 samples of layer 'o_proj', got 4"],
  [2, { precision }, null],
  [5, { precision }, null],
  [7, { precision, iterations: 7 }, null],
  [1, { precision }, "expected 3, or 2 to 5, samples of layer 'o_proj', got 1"],
  [6, { precision }, "expected 3, or 2 to 5, samples of layer 'o_proj', got 6"],
];
for (const [count, request, fault] of counts) {
  Deno.test(`${count} samples of ${JSON.stringify(request)}: ${fault}`, async () => {
    const { error } = await fire([result(0, count), result(1, count), done], request);
    assert.equal(error, fault && `firing shot 1 of 2: ${fault}`);
  });
}

const misplaced: [string, object[], string][] = [
  [
    "a state of another request",
    [{ type: "state", ...STATE, seq: 6 }],
    "firing shot 1 of 2: expected state of seq 7, got seq 6",
  ],
  [
    "an end before the last shot",
    [result(0), done],
    "firing shot 2 of 2: expected result or failed or state or kernels, got done",
  ],
  [
    "an answer behind the last shot",
    [result(0), result(1), result(2)],
    "ending 2 shots: expected done or state or kernels, got result",
  ],
  [
    "the end of another request",
    [result(0), result(1), { ...done, seq: 8 }],
    "ending 2 shots: expected done of seq 7, got seq 8",
  ],
  [
    "a shot left out",
    [result(1)],
    "firing shot 1 of 2: expected an answer to seq 7 index 0, got seq 7 index 1",
  ],
  [
    "a shot of another request",
    [result(0, 3, { seq: 6 })],
    "firing shot 1 of 2: expected an answer to seq 7 index 0, got seq 6 index 0",
  ],
  [
    "a layer that the boot did not find, beside one that it did",
    [result(0, 3, { samples: { o_proj: [1, 1, 1], toString: [1, 1, 1] } })],
    "firing shot 1 of 2: got samples of layer 'toString', which its boot did not find",
  ],
];
for (const [what, script, fault] of misplaced) {
  Deno.test(`fire ends the process over ${what}`, async () => {
    const { error, stops } = await fire(script);
    assert.equal(error, fault);
    assert.deepEqual(stops, [0]);
  });
}

Deno.test("states and names of kernels may come between any shots and before the end", async () => {
  const state = { type: "state", seq: 7, ...STATE };
  const { came, facts, error } = await fire([result(0), state, result(1), state, done]);
  assert.deepEqual([came, facts.length, error], [[measured(0), measured(1)], 2, null]);
});

const layers = { o_proj: { time_us: 2, power_w: 300, sm_clock_mhz: null } };
const sustained = (index: number, seq = 7): object => ({ type: "sustained", seq, index, layers });
const failed = (index: number): object => ({
  type: "failed",
  seq: 7,
  index,
  kind: "out_of_memory",
  message: "no room",
});
const sustains: [string, object[], number[], string | null, number[]][] = [
  ["both shots", [sustained(0), sustained(1), done], [0, 1], null, []],
  ["a shot that failed", [failed(0), sustained(1), done], [1], null, []],
  [
    "another order",
    [sustained(1)],
    [],
    "sustaining shot 1 of 2: expected an answer to seq 7 index 0, got seq 7 index 1",
    [0],
  ],
  [
    "another request",
    [sustained(0), sustained(1, 8)],
    [0],
    "sustaining shot 2 of 2: expected an answer to seq 7 index 1, got seq 8 index 1",
    [0],
  ],
  [
    "a failure of another shot",
    [sustained(0), failed(0)],
    [0],
    "sustaining shot 2 of 2: expected an answer to seq 7 index 1, got seq 7 index 0",
    [0],
  ],
  [
    "no end",
    [sustained(0), sustained(1), sustained(2)],
    [0, 1],
    "ending 2 shots: expected done, got sustained",
    [0],
  ],
  ["results", [result(0)], [], "sustaining shot 1 of 2: expected sustained or failed, got result", [0]],
];
for (const [what, script, indices, fault, stops] of sustains) {
  Deno.test(`sustain takes ${what}`, async () => {
    const child = scriptedChild(script);
    const talk = converse("toy", child);
    const came: unknown[] = [];
    let error: string | null = null;
    try {
      for await (const fact of sustainOn(talk, { seq: 7, shots: SHOTS, seconds: 2 }, 60, {})) came.push(fact);
      talk.begin("fire", { type: "shutdown" }); // the conversation is free for what comes next
    } catch (thrown) {
      error = (thrown as Error).message;
    }
    assert.deepEqual(came, indices.map((index) => ({ type: "sustained", shot: SHOTS[index], layers })));
    assert.equal(error, fault && `Harness 'toy' broke the protocol while ${fault}`);
    assert.deepEqual(child.stops, stops);
    assert.deepEqual(child.sent[0], { type: "sustain", seq: 7, shots: SHOTS, seconds: 2 });
  });
}

Deno.test("sustain's limit is that of a shot, and leaving it early ends the process", async () => {
  const late = sustainOn(
    converse("toy", scriptedChild(["never"])),
    { seq: 7, shots: SHOTS, seconds: 2 },
    0.01,
    {},
  );
  await assert.rejects(Array.fromAsync(late), {
    message: "Harness 'toy' gave no answer within 0.01 s while sustaining shot 1 of 2 and was killed; " +
      "raise shotTimeoutS (--shot-timeout-s) if it needs longer",
  });
  const child = scriptedChild([sustained(0), "never"]);
  for await (const _ of sustainOn(converse("toy", child), { seq: 7, shots: SHOTS, seconds: 2 }, 60, {})) {
    break;
  }
  assert.deepEqual(child.stops, [1000]);
});
