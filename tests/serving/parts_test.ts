/** The parts of a simulated server by themselves: arrivals, blocks, latencies, loads that are drawn. */
import assert from "node:assert/strict";
import { arrivalsOf } from "../../src/serving/arrivals.ts";
import { CHAT_LENGTHS, generateLoad, type GenerateLoadOptions } from "../../src/serving/generate_load.ts";
import { type Holder, kvPool } from "../../src/serving/kv_pool.ts";
import { intervals, spreadOf, summarize } from "../../src/serving/latencies.ts";
import type { Load } from "../../src/serving/load.ts";

const request = (arrivalS: number, after?: number): Load["requests"][number] => ({
  arrivalS,
  inputTokens: 8,
  outputTokens: 8,
  ...after !== undefined && { after },
});

Deno.test("requests arrive by the clock, each once and none early", () => {
  const arrivals = arrivalsOf({
    name: "x",
    requests: [request(0), request(0.5), request(0.5)],
    concurrency: null,
  });
  assert.equal(arrivals.nextUs(), 0);
  assert.deepEqual([arrivals.next(0), arrivals.next(499_999), arrivals.nextUs()], [0, null, 500_000]);
  assert.deepEqual([arrivals.next(500_000), arrivals.atUs, arrivals.next(700_000), arrivals.atUs], [
    1,
    500_000,
    2,
    500_000,
  ]);
  assert.deepEqual([arrivals.next(1e9), arrivals.nextUs()], [null, null]);
});

Deno.test("so many requests are there at any time: one arrives when another ends", () => {
  const requests = [request(0), request(9), request(9), request(9)];
  const arrivals = arrivalsOf({ name: "x", requests, concurrency: 2 });
  assert.deepEqual([arrivals.next(0), arrivals.next(0), arrivals.next(0), arrivals.nextUs()], [
    0,
    1,
    null,
    null,
  ]);
  arrivals.ended(1, 700);
  assert.deepEqual([arrivals.nextUs(), arrivals.next(699), arrivals.next(700), arrivals.atUs], [
    700,
    null,
    2,
    700,
  ]);
  assert.equal(arrivals.next(700), null);
  arrivals.ended(0, 800);
  arrivals.ended(2, 900);
  assert.deepEqual([arrivals.next(900), arrivals.next(900), arrivals.nextUs()], [3, null, null]);
});

Deno.test("calls of a session arrive so long after the one before has ended, in the order of their times", () => {
  const requests = [request(0), request(2, 0), request(1, 0), request(0.0025)];
  const arrivals = arrivalsOf({ name: "x", requests, concurrency: null });
  assert.deepEqual([arrivals.next(0), arrivals.next(0), arrivals.nextUs()], [0, null, 2500]);
  arrivals.ended(0, 1000);
  assert.equal(arrivals.nextUs(), 2500, "the clock's comes first");
  assert.deepEqual([arrivals.next(3000), arrivals.nextUs()], [3, 1_001_000]);
  assert.deepEqual([arrivals.next(1_000_999), arrivals.next(1_001_000), arrivals.atUs], [null, 2, 1_001_000]);
  assert.deepEqual([arrivals.nextUs(), arrivals.next(2_001_000), arrivals.nextUs()], [2_001_000, 1, null]);
});

Deno.test("of a session's call and one by the clock the earlier is taken, the clock's when they are equal", () => {
  const requests = [request(0), request(0, 0), request(0.001), request(0.002)];
  const arrivals = arrivalsOf({ name: "x", requests, concurrency: null });
  arrivals.next(0);
  arrivals.ended(0, 1000);
  assert.deepEqual([arrivals.next(5000), arrivals.next(5000), arrivals.next(5000)], [2, 1, 3]);
});

Deno.test("with a number at any time, calls of a session arrive as all others do", () => {
  const arrivals = arrivalsOf({ name: "x", requests: [request(0), request(5, 0)], concurrency: 1 });
  assert.deepEqual([arrivals.next(0), arrivals.next(0)], [0, null]);
  arrivals.ended(0, 100);
  assert.deepEqual([arrivals.next(100), arrivals.nextUs()], [1, null]);
});

const holder = (): Holder => ({ blocks: 0, prefix: null });

Deno.test("a pool gives blocks while there are any, all or none", () => {
  const pool = kvPool(10);
  const [one, two] = [holder(), holder()];
  assert.deepEqual([pool.size, pool.held, pool.hasRoom(10), pool.hasRoom(11)], [10, 0, true, false]);
  assert.deepEqual([pool.resize(one, 6), pool.resize(two, 5), pool.resize(two, 4)], [true, false, true]);
  assert.deepEqual([one.blocks, two.blocks, pool.held, pool.hasRoom(1), pool.hasRoom(0)], [
    6,
    4,
    10,
    false,
    true,
  ]);
  assert.equal(pool.resize(one, 6), true, "as many as it has are there already");
  assert.deepEqual([one.blocks, pool.held], [6, 10]);
  pool.release(one);
  assert.deepEqual([one.blocks, pool.held, pool.resize(two, 10), pool.resize(two, 11)], [0, 4, true, false]);
});

Deno.test("a pool takes back what a request has above what it needs", () => {
  const pool = kvPool(10);
  const one = holder();
  assert.deepEqual([pool.resize(one, 6), pool.resize(one, 2), one.blocks, pool.held], [true, true, 2, 2]);
  assert.deepEqual([pool.resize(holder(), 8), pool.resize(one, 3), pool.resize(one, 1)], [true, false, true]);
});

Deno.test("a prefix is computed once, counts once, and is kept while there is room", () => {
  const pool = kvPool(10);
  const [one, two, three] = [holder(), holder(), holder()];
  assert.equal(pool.findPrefix(one, "a", 9), 0);
  pool.resize(one, 6);
  pool.share(one, "a", 4);
  assert.deepEqual([one.blocks, pool.held], [2, 6]);
  assert.equal(pool.findPrefix(two, "a", 4), 4);
  assert.deepEqual([pool.resize(two, 6), two.blocks, pool.held], [true, 2, 8]);
  pool.release(one);
  assert.deepEqual([pool.held, pool.hasRoom(4), pool.hasRoom(5)], [6, true, false]);
  pool.release(two);
  assert.deepEqual([pool.held, pool.findPrefix(three, "a", 9), pool.held], [0, 4, 4], "nobody's, but kept");
  pool.release(three);
  assert.equal(pool.resize(one, 7), true, "it gives way");
  assert.deepEqual([pool.findPrefix(three, "a", 9), pool.held], [3, 10], "but for what there is room for");
});

Deno.test("a shorter prompt uses the first blocks of a prefix, the next ones give way beside it", () => {
  const pool = kvPool(10);
  const [one, short, long] = [holder(), holder(), holder()];
  pool.resize(one, 6);
  pool.share(one, "a", 6);
  assert.deepEqual([pool.findPrefix(short, "a", 2), pool.findPrefix(long, "a", 5), pool.held], [2, 5, 6]);
  pool.release(one);
  assert.equal(pool.held, 5);
  pool.release(long);
  assert.deepEqual([pool.held, pool.hasRoom(8), pool.hasRoom(9)], [2, true, false]);
  assert.equal(pool.resize(one, 7), true, "the last three blocks of the prefix, and the four that are free");
  assert.deepEqual([pool.findPrefix(long, "a", 9), pool.held], [3, 10]);
});

Deno.test("a prefix grows with the chunks of the request that uses all of it, and with the next longer prompt", () => {
  const pool = kvPool(10);
  const [one, two, late] = [holder(), holder(), holder()];
  pool.resize(one, 2);
  pool.share(one, "a", 2);
  pool.resize(one, 4);
  pool.share(one, "a", 3);
  assert.deepEqual([one.blocks, pool.held, pool.findPrefix(two, "a", 9)], [1, 4, 3]);
  pool.resize(two, 5);
  pool.share(two, "a", 5);
  assert.deepEqual([two.blocks, pool.held, pool.findPrefix(late, "a", 9)], [0, 6, 5]);
  pool.share(one, "a", 4);
  assert.deepEqual([one.blocks, pool.held], [1, 6], "computed beside it: they stay its own");
});

Deno.test("what gives way is the prefix that was unused longest", () => {
  const pool = kvPool(6);
  for (const name of ["a", "b"]) {
    const each = holder();
    pool.resize(each, 2);
    pool.share(each, name, 2);
    pool.release(each);
  }
  const user = holder();
  assert.equal(pool.findPrefix(user, "a", 2), 2);
  pool.release(user);
  assert.equal(pool.resize(holder(), 4), true);
  assert.deepEqual([pool.findPrefix(holder(), "b", 2), pool.findPrefix(holder(), "a", 2)], [0, 2]);
});

Deno.test("a prefix is shared by the first that has all of it, and only once", () => {
  const pool = kvPool(10);
  const [one, two] = [holder(), holder()];
  pool.resize(one, 3);
  pool.share(one, "a", 4);
  pool.share(one, "a", 0);
  assert.deepEqual([one.blocks, one.prefix, pool.findPrefix(holder(), "a", 9)], [3, null, 0]);
  pool.share(one, "a", 3);
  pool.resize(two, 3);
  pool.share(two, "a", 3);
  assert.deepEqual([one.blocks, two.blocks, two.prefix, pool.held], [0, 3, null, 6]);
  pool.share(one, "b", 0);
  assert.equal(pool.held, 6);
});

Deno.test("a prefix that is used stays, whoever waits for room, and one that is used again is younger", () => {
  const pool = kvPool(8);
  const [used, user] = [holder(), holder()];
  for (const [name, each] of [["a", used], ["b", holder()], ["c", holder()]] as const) {
    pool.resize(each, 2);
    pool.share(each, name, 2);
    if (each !== used) pool.release(each);
  }
  assert.deepEqual([pool.held, pool.hasRoom(6), pool.hasRoom(7)], [2, true, false]);
  assert.equal(pool.findPrefix(user, "b", 2), 2);
  pool.release(user);
  const first = holder();
  assert.equal(pool.resize(first, 4), true, "c gives way, unused longest");
  assert.deepEqual(["a", "b", "c"].map((name) => pool.findPrefix(holder(), name, 2)), [2, 2, 0]);
  assert.deepEqual([pool.held, pool.resize(holder(), 1)], [8, false]);
});

Deno.test("latencies: means and percentiles, answers of one token without a time a token", () => {
  const none = { mean: NaN, p50: NaN, p90: NaN, p99: NaN };
  assert.deepEqual(spreadOf([]), none);
  assert.deepEqual(spreadOf([7]), { mean: 7, p50: 7, p90: 7, p99: 7 });
  assert.deepEqual(spreadOf([5, 1, 3, 2, 4]), { mean: 3, p50: 3, p90: 4.6, p99: 4.96 });
  const requests = [{ outputTokens: 1, ttftMs: 10, tpotMs: 0, e2eMs: 10 }, {
    outputTokens: 2,
    ttftMs: 20,
    tpotMs: 4,
    e2eMs: 24,
  }];
  const { ttftMs, tpotMs, e2eMs } = summarize(requests);
  assert.deepEqual([ttftMs.mean, tpotMs, e2eMs.p50], [15, { mean: 4, p50: 4, p90: 4, p99: 4 }, 17]);
  assert.deepEqual(intervals().spread(), none);
});

Deno.test("many times between tokens: percentiles within half a percent, the mean exact", () => {
  const histogram = intervals();
  for (let n = 1000; n >= 1; n--) histogram.add(n * 100);
  const { mean, p50, p90, p99 } = histogram.spread();
  assert.ok(Math.abs(mean - 50.05) < 1e-9);
  for (const [found, truth] of [[p50, 50.05], [p90, 90.01], [p99, 99.01]] as const) {
    assert.ok(Math.abs(found / truth - 1) < 0.006, `${found}, of ${truth}`);
  }
  const few = intervals();
  for (const us of [0, 1000, 1000]) few.add(us);
  assert.ok(Math.abs(few.spread().p50 - 1) < 0.006 && few.spread().mean === 2 / 3);
});

const PLAIN = { requests: 3, ratePerS: 4, seed: 7 } as const;
/** Arrival in microseconds, tokens in and out, of three requests. */
const drawn: [Partial<GenerateLoadOptions>, string[]][] = [
  [{}, ["2943 369 44", "132961 270 132", "207501 265 206"]],
  [{ seed: 8 }, ["42488 154 52", "191674 288 363", "372156 169 203"]],
  [{ burstiness: 0.5 }, ["60095 83 159", "416920 39 105", "417039 454 207"]],
  [{ burstiness: 3 }, ["242107 46 68", "382081 401 39", "548810 169 155"]],
  [{ ratePerS: null, concurrency: 2 }, ["0 292 75", "0 83 159", "0 210 212"]],
  [{ input: { median: 100, sigma: 0, max: 99.9 }, output: { median: 1, sigma: 3, max: 8 } }, [
    "2943 99 1",
    "132961 99 1",
    "207501 99 3",
  ]],
];
for (const [options, expected] of drawn) {
  Deno.test(`a seed draws the same load in every version: ${JSON.stringify(options)}`, () => {
    const load = generateLoad({ ...PLAIN, ...options });
    assert.deepEqual([load.name, load.concurrency], ["generated", options.concurrency ?? null]);
    assert.deepEqual(
      load.requests.map(({ arrivalS, inputTokens, outputTokens }) =>
        `${Math.round(arrivalS * 1e6)} ${inputTokens} ${outputTokens}`
      ),
      expected,
    );
  });
}

const refused: [Partial<GenerateLoadOptions>, string][] = [
  [{ requests: 0 }, "requests must be a whole number from 1, got 0"],
  [{ requests: 1.5 }, "requests must be a whole number from 1, got 1.5"],
  [{ ratePerS: 0 }, "ratePerS must be above 0, or null, got 0"],
  [{ burstiness: 0 }, "burstiness must be above 0, got 0"],
  [{ ratePerS: null }, "it has either ratePerS or concurrency"],
  [{ concurrency: 1 }, "it has either ratePerS or concurrency"],
  [{ input: { ...CHAT_LENGTHS.input, median: 0.5 } }, "input.median must be at least 1, got 0.5"],
  [{ output: { ...CHAT_LENGTHS.output, sigma: -1 } }, "output.sigma must be at least 0, got -1"],
  [{ output: { ...CHAT_LENGTHS.output, max: 0 } }, "output.max must be at least 1, got 0"],
];
for (const [options, message] of refused) {
  Deno.test(`generateLoad refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => generateLoad({ ...PLAIN, ...options }), (error: Error) => {
      assert.equal(error.name, "UsageError");
      assert.ok(error.message.endsWith(message), error.message);
      return true;
    });
  });
}
