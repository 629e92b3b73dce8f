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
