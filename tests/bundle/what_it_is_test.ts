/** For which simulator a bundle is, what it is called, and cells that are none. */
import assert from "node:assert/strict";
import { type SimulatorFacts, simulatorOf } from "../../src/bundle/simulator.ts";
import { bundleSummary } from "../../src/bundle/summary.ts";
import type { Meta } from "../../src/bundle/meta.ts";
import { countRows } from "../../src/bundle/records.ts";
import { readSkew } from "../../src/bundle/skew.ts";
import { readSkewFit } from "../../src/bundle/skew_fit.ts";

const NOTHING = { rows: [], others: [], repeated: [], issues: [] };
const other = { layer: "sliding_attention", split: 1, key: [0, 0, 1, 16], timeUs: 1 };
function factsOf(
  headers: Readonly<Record<string, string>>,
  contents: Readonly<Record<string, object>>,
  fit?: object,
): SimulatorFacts {
  return {
    tps: [1, 2],
    fit: fit as SimulatorFacts["fit"],
    header: (tp, category) => tp === 2 ? headers[category] : undefined,
    table: (tp, table) =>
      ({ ...NOTHING, ...tp === 2 && contents[table] }) as ReturnType<SimulatorFacts["table"]>,
  };
}
const ATTENTION = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n";
const fit = (entry: object, enabled = true): object => ({ enabled, per_tp: { 2: entry } });
const simulators: [string, SimulatorFacts, string][] = [
  ["nothing", factsOf({}, {}), "august"],
  [
    "August's tables",
    factsOf({ attention: ATTENTION, moe: "tokens,activated_experts,time_us\n" }, {}),
    "august",
  ],
  [
    "places of prefills",
    factsOf({ attention: "prefill_chunk,prefill_key,n_decode,kv_decode,time_us\n" }, {}),
    "v1.2",
  ],
  ["places beside histories", factsOf({ attention: `prefill_key,${ATTENTION}` }, {}), "august"],
  ["a column of layers that says nothing new", factsOf({ attention: `layer,${ATTENTION}` }, {}), "august"],
  ["other kernels", factsOf({ attention: `layer,${ATTENTION}` }, { attention: { others: [other] } }), "v1.2"],
  [
    "other kernels without a column",
    factsOf({ attention: ATTENTION }, { attention: { others: [other] } }),
    "august",
  ],
  [
    "experts on several devices",
    factsOf({ moe: "ep,tokens,time_us\n" }, { moe: { others: [other] } }),
    "v1.2",
  ],
  ["experts on one device", factsOf({ moe: "ep,tokens,time_us\n" }, {}), "august"],
  ["a recurrent state", factsOf({}, { linear_attention: { rows: [other] } }), "v1.2"],
  ["a drafter", factsOf({}, { mtp: { rows: [other] } }), "v1.2"],
  ["a fit in v1.2's form", factsOf({}, {}, fit({ schema: 2 })), "v1.2"],
  ["a fit in both forms", factsOf({}, {}, fit({ schema: 2, alpha_by_bucket: {} })), "august"],
  ["a fit in August's form", factsOf({}, {}, fit({ alpha_by_bucket: {} })), "august"],
  ["a fit that is off", factsOf({}, {}, fit({ schema: 2 }, false)), "august"],
];
for (const [what, facts, simulator] of simulators) {
  Deno.test(`a bundle with ${what} is read as ${simulator}'s`, () =>
    assert.equal(simulatorOf(facts), simulator));
}

const META: Meta = { model: "a/b", hardware: "TOY", variant: "bf16", quantity: "wall" };
const summaries: [Meta, number, string][] = [
  [{}, 0, "? on ?, tp 1, 2: 0 rows"],
  [META, 1, "a/b on TOY (bf16), tp 1, 2: 1 row; wall times"],
  [
    { ...META, quantity: "estimate" },
    1234,
    "a/b on TOY (bf16), tp 1, 2: 1,234 rows; roofline estimate, not measured",
  ],
  [{ ...META, engine: "vllm" }, 2, "a/b on TOY (bf16), tp 1, 2: 2 rows; wall times; vllm"],
  [
    { ...META, engine: "vllm", engine_version: "0.32", profiled_at: "2026-03-01T09:30:00+00:00" },
    2,
    "a/b on TOY (bf16), tp 1, 2: 2 rows; wall times; vllm 0.32; 2026-03-01",
  ],
];
for (const [meta, rows, text] of summaries) {
  Deno.test(`a bundle in a sentence: ${text}`, () => {
    const table = (tp: number, category: string): unknown[] =>
      tp === 2 && category === "moe" ? new Array(rows) : [];
    assert.equal(bundleSummary({ meta, tps: [1, 2], table }), text);
  });
}

const counts: [string, number][] = [
  ["", 0],
  ["a\n", 0],
  ["a\n1\n", 1],
  ["a\n1", 1],
  ["a\n\n  \n1\n2\n\n", 2],
  ["\n\n", 0],
];
for (const [text, rows] of counts) {
  Deno.test(`${JSON.stringify(text)} has ${rows} rows`, () => {
    assert.equal(countRows(text), rows);
    assert.equal(countRows(new TextEncoder().encode(text)), rows);
  });
}

Deno.test("a cell of blanks is an empty one", () => {
  const skew = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
    "pure,4,1,0.25,4.0,0,0,128,512,224,10,20,12,  \n";
  const { rows, issues } = readSkew(skew, "skew.csv");
  assert.deepEqual([rows[0]?.alpha, issues], [null, []]);
  const fitted =
    "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n16,n<=4,sr<=5%,kvB<=1k,kp=0,0.5, \n";
  const read = readSkewFit(fitted, "skew_fit.csv");
  assert.deepEqual(read.issues, []);
  assert.equal(read.rows[0]?.alpha, 0.5);
});
