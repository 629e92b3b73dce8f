import assert from "node:assert/strict";
import type { ModelConfig } from "../../src/model/model.ts";
import { modelNotices } from "../../src/model/notices.ts";

Deno.test("modelNotices tell what differs from the plain case", () => {
  const cases: readonly [ModelConfig, string[]][] = [
    [{ num_key_value_heads: 8, auto_map: null }, []],
    [{ num_key_value_heads: 4 }, [
      "The model has 4 KV heads: at tp 8 each rank has a copy of one, as vLLM replicates them",
    ]],
    [{ text_config: { num_key_value_heads: 2 } }, [
      "The model has 2 KV heads: at tp 4, 8 each rank has a copy of one, as vLLM replicates them",
    ]],
    [{ num_key_value_heads: 3 }, []],
    [{ auto_map: { AutoConfig: "configuration_x.XConfig" } }, [
      "The model's config names code of its own (auto_map): it is not run, the engine measures its own modules " +
      "for the model_type",
    ]],
  ];
  for (const [config, notices] of cases) {
    assert.deepEqual(modelNotices(config, { tpDegrees: [1, 2, 4, 8] }), notices);
  }
});

Deno.test("degrees of shared experts of a model without experts are told to change nothing", () => {
  const told = (config: ModelConfig, epDegrees?: number[]): string[] =>
    modelNotices(config, { tpDegrees: [1], ...epDegrees && { epDegrees } });
  const notice = "The model has no experts that devices could share: --ep-degrees changes nothing";
  const experts = { num_experts: 8, num_experts_per_tok: 2 };
  assert.deepEqual([told({}), told({}, [1]), told({}, [1, 2])], [[], [], [notice]]);
  assert.deepEqual(told(experts, [1, 2]), []);
});
