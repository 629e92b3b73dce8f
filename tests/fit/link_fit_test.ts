import assert from "node:assert/strict";
import { COLLECTIVES, type CollectiveSample } from "../../src/bundle/collectives_file.ts";
import { fitLink, ringNs } from "../../src/fit/link_fit.ts";
import published from "../data/collectives-rtxpro6000.json" with { type: "json" };

function samplesOf(us: (collective: typeof COLLECTIVES[number], at: number) => number): CollectiveSample[] {
  return COLLECTIVES.flatMap((collective) =>
    published.bytes.map((bytes, at): CollectiveSample => {
      const own = us(collective, at);
      return { ranks: 2, way: "nccl", collective, bytes, us: own, minUs: own, maxUs: own, trials: 5 };
    })
  );
}

Deno.test("fitLink gives the published bandwidths of two RTX PRO 6000 to the digit, at the published latency", () => {
  const samples = samplesOf((collective, at) => published.us[collective][at]!);
  const { latencyNs, bandwidthGibS, bandwidthsGibS, error } = fitLink(samples, {
    memoryGbS: 1597.6,
    latencyNs: published.latency_ns,
  });
  assert.deepEqual({ latencyNs, bandwidthGibS }, {
    latencyNs: 6600,
    bandwidthGibS: published.bandwidth_gib_s,
  });
  const rounded = Object.fromEntries(
    Object.entries(bandwidthsGibS).map(([name, value]) => [name, Number(value.toFixed(2))]),
  );
  assert.deepEqual(rounded, published.bandwidths_gib_s);
  assert.ok(error > 0.1 && error < 0.15, String(error)); // a straight line is a poor model of this link
});

Deno.test("ringNs gives the published predictions", () => {
  for (
    const [collective, bytes, us] of published.predicted as [typeof COLLECTIVES[number], number, number][]
  ) {
    const link = { latencyNs: published.latency_ns, bandwidthGibS: published.bandwidth_gib_s };
    assert.equal(
      Math.round(ringNs({ collective, bytes, ranks: 2 }, link, 1597)),
      Math.round(us * 1000),
      collective,
    );
  }
});

Deno.test("fitLink finds the link that a ring's times were made of, for any number of devices", () => {
  for (const ranks of [2, 4, 8]) {
    const truth = { latencyNs: 2100, bandwidthGibS: 140.5 };
    const samples = samplesOf(() => 0).map((one) => {
      const us = ringNs({ ...one, ranks }, truth, 4800) / 1000;
      return { ...one, ranks, us };
    });
    const found = fitLink(samples, { memoryGbS: 4800 });
    assert.ok(Math.abs(found.latencyNs - truth.latencyNs) <= 2, `${ranks}: ${found.latencyNs}`);
    assert.ok(
      Math.abs(found.bandwidthGibS / truth.bandwidthGibS - 1) < 2e-3,
      `${ranks}: ${found.bandwidthGibS}`,
    );
    assert.ok(found.worstError < 2e-3);
  }
});

Deno.test("fitLink refuses what is no line", () => {
  const [first, second] = samplesOf(() => 10);
  assert.throws(() => fitLink([first!], { memoryGbS: 1 }), {
    message: "Cannot fit the link: collectives of at least two sizes must be measured",
  });
  assert.throws(() => fitLink([first!, { ...second!, us: 5 }], { memoryGbS: Infinity }), {
    message: "Cannot fit the link: collectives of more bytes must take longer, and do not",
  });
});

/** By hand: P ⌊L + C · 10⁹ / (B · 2³⁰)⌋ + 3R ⌊C / M⌋ + 10 (P + 1), L = 1000 ns, 10⁹ / (B · 2³⁰) = 0.5 ns a byte. */
const rings: [typeof COLLECTIVES[number], number, number, number][] = [
  ["all_reduce", 2, 4003, 2 * (1000 + 1000) + 3 * 1 * 20 + 30],
  ["all_reduce", 4, 4003, 6 * (1000 + 500) + 3 * 3 * 10 + 70],
  ["all_gather", 2, 4001, 1 * (1000 + 2000) + 20],
  ["all_gather", 4, 4001, 3 * (1000 + 2000) + 40],
  ["reduce_scatter", 2, 4001, 1 * (1000 + 2000) + 3 * 1 * 40 + 20],
  ["reduce_scatter", 4, 4001, 3 * (1000 + 2000) + 3 * 3 * 40 + 40],
];
const LINK = { latencyNs: 1000, bandwidthGibS: 2e9 / 2 ** 30 };
for (const [collective, ranks, bytes, ns] of rings) {
  Deno.test(`a ring's ${collective} of ${bytes} bytes over ${ranks} devices takes ${ns} ns`, () => {
    assert.equal(ringNs({ collective, ranks, bytes }, LINK, 100), ns);
  });
}

/** Samples of one collective over two devices: bytes and microseconds. */
function measured(
  collective: typeof COLLECTIVES[number],
  points: readonly (readonly [bytes: number, us: number])[],
): CollectiveSample[] {
  return points.map(([bytes, us]) => ({
    ...{ ranks: 2, way: "nccl", collective, bytes, us, minUs: us, maxUs: us, trials: 5 },
  }));
}
const gibS = (nsPerByte: number): number => Number((1e9 / 2 ** 30 / nsPerByte).toFixed(6));

Deno.test("two sizes give latency and bandwidth exactly; a collective of one size has the bandwidth of all", () => {
  // 1 (L + C / 2) + 20: 1020 + 500 and 1020 + 2000 ns.
  const samples = measured("all_gather", [[1000, 1.52], [4000, 3.02]]);
  const plain = fitLink(samples, { memoryGbS: 1e6 });
  assert.deepEqual(plain, {
    ranks: 2,
    ways: { all_gather: "nccl" },
    latencyNs: 1000,
    bandwidthGibS: gibS(0.5),
    bandwidthsGibS: { all_gather: gibS(0.5) },
    error: plain.error,
    worstError: plain.worstError,
  });
  assert.ok(plain.worstError < 1e-3);
  // At a known latency of 520 ns no line meets both: the best one errs least in the squares of relative errors.
  const [first, second] = [[1000, 1520], [4000, 3020]] as const;
  const weights = [(1000 / 1520) ** 2, (4000 / 3020) ** 2] as const;
  const slope = (weights[0] * (1520 - 540) / 1000 + weights[1] * (3020 - 540) / 4000) /
    (weights[0] + weights[1]);
  const errors = [first, second].map(([bytes, ns]) =>
    Math.abs((Math.floor(520 + bytes * slope) + 20) / ns - 1)
  );
  const known = fitLink(samples, { memoryGbS: 1e6, latencyNs: 520 });
  assert.deepEqual([known.latencyNs, known.bandwidthGibS], [520, gibS(slope)]);
  assert.ok(Math.abs(known.error - (errors[0]! + errors[1]!) / 2) < 1e-9, `${known.error}`);
  assert.ok(Math.abs(known.worstError - Math.max(...errors)) < 1e-9, `${known.worstError}`);
  assert.ok(known.worstError > known.error);
  const more = fitLink([...samples, ...measured("reduce_scatter", [[1000, 2.52]])], { memoryGbS: 1e6 });
  assert.deepEqual(Object.keys(more.bandwidthsGibS), ["all_gather"]);
  const { latencyNs, bandwidthGibS } = more;
  const alone = Math.abs(
    ringNs({ collective: "reduce_scatter", ranks: 2, bytes: 1000 }, { latencyNs, bandwidthGibS }, 1e6) /
        2520 - 1,
  );
  assert.equal(more.worstError, alone, "measured at 2.52 µs, far above the line of the other one");
});

Deno.test("a latency is never below 0", () => {
  const { latencyNs } = fitLink(measured("all_gather", [[1000, 0.12], [4000, 2.02]]), { memoryGbS: 1e6 });
  assert.equal(latencyNs, 0);
});

Deno.test("times that do not rise with the bytes at all give no bandwidth", () => {
  const level = measured("all_gather", [[1024, 8.192], [2048, 8.192]]);
  assert.throws(() => fitLink(level, { memoryGbS: Infinity, latencyNs: 8172 }), {
    message: "Cannot fit the link: collectives of more bytes must take longer, and do not",
  });
});
