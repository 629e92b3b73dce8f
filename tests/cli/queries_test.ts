import assert from "node:assert/strict";
import { answer } from "../../src/cli/queries.ts";
import { UsageError } from "../../src/errors.ts";
import { predictor } from "../../src/predict/predictor.ts";

const source = predictor({
  tps: [1],
  meta: {},
  table: (_, category) =>
    category === "attention"
      ? [64, 128].map((kv) => ({ layer: null, key: [0, 0, 2, kv], timeUs: kv }))
      : [{ layer: "lm_head", key: [4], timeUs: 7 }],
  skewFit: () => [],
});

Deno.test("answer takes a size below what was measured, as a simulator does", () => {
  assert.deepEqual(answer(source, '{"kind":"per_sequence","tp":1,"layer":"lm_head","sequences":-1}'), {
    ns: 7000,
  });
});

Deno.test("answer says how a batch came about", () => {
  const batch = '{"kind":"batch","tp":1,"prefills":[],"decodes":[[64,1],[128,1]]}';
  assert.deepEqual(answer(source, batch), {
    ns: 96_000,
    t_mean: 96_000,
    t_max: null,
    skew_rate: 0.5,
    bucket: "pc=0|n<=2|sr<=70%|kvB<=1k|kp=0",
    alpha: 0,
  });
});

Deno.test("answer refuses what is no query, naming field and value", () => {
  const cases: readonly (readonly [line: string, rule: string])[] = [
    ["{", "it must be JSON, got {"],
    ['{"kind":"skew"}', 'kind must be dense, per_sequence, moe, attention or batch, got "skew"'],
    ['{"kind":"dense","tp":0,"layer":"a","tokens":1}', "tp must be a whole number above 0, got 0"],
    ['{"kind":"dense","tp":1,"layer":1,"tokens":1}', "layer must be a layer's name, got 1"],
    ['{"kind":"dense","tp":1,"layer":"a","tokens":1.5}', "tokens must be a whole number, got 1.5"],
    ['{"kind":"moe","tokens":1}', "activated_experts must be a whole number, got nothing"],
    ['{"kind":"moe","tokens":1,"activated_experts":1,"layer":"a"}', "layer is no known field"],
    ['{"kind":"batch","tp":1,"prefills":[[1]],"decodes":[]}', "prefills.0 must be [chunk, history], got [1]"],
  ];
  for (const [line, rule] of cases) {
    assert.throws(() => answer(source, line), new UsageError(`Cannot answer the query: ${rule}`));
  }
});
