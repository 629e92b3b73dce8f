import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Ending } from "../../src/harness/child.ts";
import { type Conversation, converse, type Exchange } from "../../src/harness/conversation.ts";
import type { Answer } from "../../src/harness/protocol.ts";
import { type Scripted, scriptedChild } from "./scripted_child.ts";
import { watchTimers } from "./timers.ts";

const LIMIT = { seconds: 60, setting: "shotTimeoutS" };
const REQUEST = { type: "sustain", seq: 1, shots: [], seconds: 1 } as const;
const DONE = { type: "done", seq: 1 };

function begin(talk: Conversation, signal?: AbortSignal): Exchange {
  return talk.begin("fire", REQUEST, signal);
}
function ask(exchange: Exchange): Promise<Answer> {
  return exchange.next(["done", "failed"], "counting beads", LIMIT);
}

const faults: [
  string,
  (object | string | Error | undefined)[],
  Partial<Ending>,
  string,
  { message: string; details: Record<string, unknown>; stops: number[] },
][] = [
  [
    "an end",
    [undefined],
    { exitCode: 3 },
    "loading\nno beads",
    {
      message: "exited with 3 while counting beads; its last words: no beads",
      details: { kind: "engine_dead", exitCode: 3 },
      stops: [1000],
    },
  ],
  [
    "an end without a word",
    [undefined],
    { exitCode: null, signal: "SIGSEGV" },
    "",
    {
      message: "was ended by SIGSEGV while counting beads",
      details: { kind: "engine_dead", signal: "SIGSEGV" },
      stops: [1000],
    },
  ],
  [
    "a closed output",
    [undefined],
    { exitCode: null, signal: "SIGKILL", killed: true },
    "",
    {
      message: "closed its standard output while counting beads",
      details: { kind: "engine_dead", signal: "SIGKILL" },
      stops: [1000],
    },
  ],
  [
    "many last words",
    [undefined],
    {},
    "x".repeat(400),
    {
      message: `exited with 0 while counting beads; its last words: ${"x".repeat(300)}`,
      details: { kind: "engine_dead", exitCode: 0 },
      stops: [1000],
    },
  ],
  [
    "no message",
    ["beads"],
    {},
    "",
    {
      message: 'broke the protocol while counting beads: expected one JSON object a line, got "beads"',
      details: { kind: "protocol", exitCode: 0 },
      stops: [0],
    },
  ],
  [
    "another answer",
    [{ type: "bye" }],
    {},
    "",
    {
      message: "broke the protocol while counting beads: expected done or failed, got bye",
      details: { kind: "protocol", exitCode: 0 },
      stops: [0],
    },
  ],
  [
    "an endless line",
    [new RangeError("a line may have 1 character")],
    {},
    "",
    {
      message: "broke the protocol while counting beads: a line may have 1 character",
      details: { kind: "protocol", exitCode: 0 },
      stops: [0],
    },
  ],
];
for (const [what, script, ending, log, expected] of faults) {
  Deno.test(`a conversation ends over ${what}`, async () => {
    const child = scriptedChild(script, ending, log);
    const talk = converse("toy", child);
    await assert.rejects(ask(begin(talk)), (error) => {
      assert.ok(error instanceof HarnessError);
      assert.equal(error.message, `Harness 'toy' ${expected.message}`);
      assert.deepEqual({ ...error.details }, { stage: "fire", stderrTail: log, ...expected.details });
      return true;
    });
    assert.deepEqual(child.stops, expected.stops);
    assert.throws(() => begin(talk), {
      name: "HarnessError",
      message: "Harness 'toy' has ended: open it again",
      details: { stage: "fire", kind: "engine_dead" },
    });
    await talk.close();
    assert.deepEqual(child.sent, [REQUEST], "one that has ended is not asked to shut down");
  });
}

const errors: [object, Record<string, unknown>][] = [
  [{ type: "error", kind: "unsupported", message: "no  beads\nleft" }, {}],
  [{ type: "error", kind: "unsupported", message: "no beads left", detail: "12 asked" }, {
    detail: "12 asked",
  }],
];
for (const [answer, more] of errors) {
  Deno.test(`an error answer leaves the process alive: ${JSON.stringify(answer)}`, async () => {
    const child = scriptedChild([answer, DONE], {}, "log");
    const talk = converse("toy", child);
    await assert.rejects(ask(begin(talk)), {
      message: "Harness 'toy': no beads left",
      details: { stage: "fire", kind: "unsupported", stderrTail: "log", ...more },
    });
    assert.deepEqual(child.stops, []);
    assert.equal((await ask(begin(talk))).type, "done");
  });
}

Deno.test("an error answer's words are cut at 500", async () => {
  const talk = converse("toy", scriptedChild([{ type: "error", kind: "x", message: "x".repeat(501) }]));
  await assert.rejects(ask(begin(talk)), { message: `Harness 'toy': ${"x".repeat(500)}` });
});

Deno.test("an answer is awaited for the seconds of its limit, or as long as a timer can count", async () => {
  const longest = 2 ** 31 - 1;
  for (
    const [seconds, ms] of [
      [0.25, 250],
      [1, 1000],
      [2_147_483, 2_147_483_000],
      [2_147_484, longest],
      [Infinity, longest],
    ] as const
  ) {
    using timers = watchTimers();
    const exchange = begin(converse("toy", scriptedChild([DONE])));
    await exchange.next(["done"], "waiting", { seconds, setting: null });
    assert.deepEqual([timers.set, timers.left.size], [[ms], 0], `${seconds} s`);
  }
});

Deno.test("an idle process is given 10 s to free its engine", async () => {
  using timers = watchTimers();
  await converse("toy", scriptedChild([{ type: "bye" }])).close();
  assert.deepEqual([timers.set, timers.left.size], [[10_000], 0]);
});

Deno.test("a limit beyond what a timer can count is no limit of nothing", async () => {
  for (const seconds of [2_147_484, 1e9, Infinity]) {
    const child = scriptedChild(["never"]);
    const exchange = begin(converse("toy", child));
    const answer = exchange.next(["done"], "waiting", { seconds, setting: null });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(child.stops, [], `${seconds} s`);
    await child.stop(0);
    await assert.rejects(answer, { message: "Harness 'toy' exited with 0 while waiting" });
  }
});

for (
  const [setting, remedy] of [[null, ""], [
    "beadTimeoutS",
    "; raise beadTimeoutS (--bead-timeout-s) if it needs longer",
  ]] as const
) {
  Deno.test(`an answer that is late ends the process${remedy}`, async () => {
    const child = scriptedChild(["never"], { exitCode: null, signal: "SIGKILL", killed: true });
    const exchange = begin(converse("toy", child));
    await assert.rejects(exchange.next(["done"], "waiting", { seconds: 0.01, setting }), {
      message: `Harness 'toy' gave no answer within 0.01 s while waiting and was killed${remedy}`,
      details: { stage: "fire", kind: "timeout", stderrTail: "", signal: "SIGKILL" },
    });
    assert.deepEqual(child.stops, [0, 0]);
  });
}

async function closed(child: Scripted): Promise<[sent: unknown[], stops: number[]]> {
  const talk = converse("toy", child);
  const closing = talk.close();
  assert.equal(talk.close(), closing, "a second close is the first");
  await closing;
  return [child.sent, child.stops];
}
for (
  const [what, answer] of [["says bye", { type: "bye" }], ["is gone", undefined], [
    "babbles",
    "beads",
  ]] as const
) {
  Deno.test(`an idle process that ${what} is asked to shut down, then ended`, async () => {
    const [sent, stops] = await closed(scriptedChild([answer]));
    assert.deepEqual(sent, [{ type: "shutdown" }]);
    assert.equal(stops.at(-1), 1000);
  });
}

Deno.test("a process that is busy is ended without a word", async () => {
  const child = scriptedChild(["never"]);
  const talk = converse("toy", child);
  const answer = ask(begin(talk));
  const closing = talk.close();
  await assert.rejects(answer, { message: "Harness 'toy' was closed while counting beads" });
  await closing;
  assert.deepEqual(child.sent, [REQUEST]);
  assert.deepEqual(new Set(child.stops), new Set([1000]));
});

Deno.test("one request at a time: the next one after done, or after leave ended the process", async () => {
  const child = scriptedChild([DONE, DONE]);
  const talk = converse("toy", child);
  const exchange = begin(talk);
  assert.throws(() => begin(talk), {
    name: "UsageError",
    message: "Harness 'toy' answers one request at a time: await the one before first",
  });
  await ask(exchange);
  exchange.done();
  await exchange.leave();
  assert.deepEqual(child.stops, []);
  const left = begin(talk);
  await left.leave();
  assert.deepEqual(child.stops, [1000]);
  assert.throws(() => begin(talk), { message: "Harness 'toy' has ended: open it again" });
});

Deno.test("a signal counts while its request is open, and not behind it", async () => {
  const reason = new Error("enough");
  const child = scriptedChild([DONE, "never"]);
  const talk = converse("toy", child);
  const before = new AbortController();
  const exchange = begin(talk, before.signal);
  await ask(exchange);
  exchange.done();
  before.abort(reason);
  assert.deepEqual(child.stops, []);
  assert.throws(() => begin(talk, before.signal), reason);
  const during = new AbortController();
  const answer = ask(begin(talk, during.signal));
  during.abort(reason);
  await assert.rejects(answer, reason);
  assert.deepEqual(new Set(child.stops), new Set([1000]));
});
