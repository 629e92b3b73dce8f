/** What a session hands to meta.yaml: degrees, counts and noise, from what its state holds. */
import assert from "node:assert/strict";
import { rowText } from "../../src/shots/shot_id.ts";
import { addSeconds, type Durations, sessionFacts } from "../../src/store/facts.ts";
import { setEstimates } from "../../src/store/estimates.ts";
import { type Rows, tableOf } from "../../src/store/rows.ts";
import { skewTimesOf } from "../../src/store/skew_times.ts";
import type { BundleState } from "../../src/store/state.ts";

interface Made {
  readonly spreads?: readonly (number | null)[];
  readonly drifts?: readonly number[];
  readonly again?: number;
  readonly measured?: number;
  readonly standing?: number;
  readonly lowering?: number;
  readonly changed?: readonly string[];
}

function stateOf(made: Made): BundleState {
  const { spreads = [], drifts = [], again = 0, measured = 0, standing = 0, lowering = 0, changed = [] } =
    made;
  const rows: Rows = new Map();
  for (const [i, spread] of spreads.entries()) {
    tableOf(rows, 1, "dense").set(rowText("proj", [i]), { layer: "proj", key: [i], timeUs: 1, spread });
  }
  return {
    ...{ rows, skew: new Map(), estimates: new Map(), samples: { dense: 3 }, clocks: { counts: {} } },
    ...{ sustained: new Map([["a", "load"]]), failed: new Map([["b", "failure"]]), measured },
    judge: { drifts, again, standing, lowering },
    launches: { changed: new Map(changed.map((layer) => [layer, "why"])) },
  } as unknown as BundleState;
}
const OTHERS = { rows: {}, durationS: {}, deviceBusyS: {}, mixed: [] };

const noises: [what: string, made: Made, noise: Record<string, unknown> | null][] = [
  ["nothing", {}, null],
  ["rows of files alone, which have no spread", { spreads: [null, null], changed: ["proj"] }, null],
  ["rows", { spreads: [0.4, 0.1, null, 0.2, 0.3, 0] }, {
    ...{ spread_p50: 0.2, spread_p90: 0.36, sentinels: 0, measured_again: 0, in_doubt: 0 },
  }],
  ["sentinels", { drifts: [0.02, -0.05, 0.01, 0, -0.03] }, {
    ...{ sentinels: 5, sentinel_drift_p50: 0.02, sentinel_drift_max: 0.05, measured_again: 0, in_doubt: 0 },
  }],
  ["sentinels and one layer of other kernels", { drifts: [0], changed: ["proj"] }, {
    ...{ sentinels: 1, sentinel_drift_p50: 0, sentinel_drift_max: 0, measured_again: 0, in_doubt: 0 },
    other_kernels: ["proj"],
  }],
  ["sentinels and one shot that lowers the clock", { drifts: [0], lowering: 1 }, {
    ...{ sentinels: 1, sentinel_drift_p50: 0, sentinel_drift_max: 0, measured_again: 0, in_doubt: 0 },
    lowers_clock: 1,
  }],
  ["both, shots measured again and in doubt, other kernels", {
    ...{ spreads: [0.1], drifts: [0.123456], again: 5, measured: 15, standing: 4, changed: ["proj", "norm"] },
  }, {
    ...{
      spread_p50: 0.1,
      spread_p90: 0.1,
      sentinels: 1,
      sentinel_drift_p50: 0.12346,
      sentinel_drift_max: 0.12346,
    },
    ...{ measured_again: 0.5, in_doubt: 4, other_kernels: ["proj", "norm"] },
  }],
  ["shots that were all measured again", { drifts: [0], again: 3, measured: 3 }, {
    ...{ sentinels: 1, sentinel_drift_p50: 0, sentinel_drift_max: 0, measured_again: 3, in_doubt: 0 },
  }],
];
for (const [what, made, noise] of noises) {
  Deno.test(`noise is told by ${what}`, () => {
    assert.deepEqual(sessionFacts(stateOf(made), OTHERS).noise, noise);
  });
}

Deno.test("facts are of the degrees that have rows, with skew cases and predictions where there are some", () => {
  const state = stateOf({});
  for (const tp of [10, 2, 1]) {
    tableOf(state.rows, tp, "dense").set(rowText("proj", [1]), { layer: "proj", key: [1], timeUs: 1 });
  }
  tableOf(state.rows, 4, "dense");
  skewTimesOf(state.skew, 1);
  skewTimesOf(state.skew, 2).skewed.set("1", 1);
  skewTimesOf(state.skew, 4).skewed.set("1", 1);
  const key = [0, 0, 1, 16];
  const rows = [{ layer: null, key, timeUs: 1 }, { layer: "sliding_attention", key, timeUs: 1 }];
  setEstimates(state.estimates, 10, [{ key, expectedError: 0.1, rows }]);
  setEstimates(state.estimates, 2, []);
  const facts = sessionFacts(state, OTHERS);
  assert.deepEqual([facts.tps, facts.skewTps, facts.estimated], [[1, 2, 10], [2], { 10: 1 }]);
  assert.deepEqual(
    [facts.samples, facts.sustained, facts.failed],
    [{ dense: 3 }, ["load"], ["failure"]] as unknown,
  );
});

Deno.test("seconds add up by degree and category", () => {
  const spent: Durations = {};
  addSeconds(spent, 1, "dense", 2);
  addSeconds(spent, 1, "dense", 3);
  addSeconds(spent, 1, "moe", 1);
  addSeconds(spent, 2, "dense", 7);
  assert.deepEqual(spent, { tp1: { dense: 5, moe: 1 }, tp2: { dense: 7 } });
});
