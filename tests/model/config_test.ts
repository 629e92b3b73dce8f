import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { moeParameters, textConfig } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { loadModel } from "../../src/model/load_model.ts";
import vectors from "../data/tp-overrides.json" with { type: "json" };

Deno.test("moeParameters finds experts and top_k as the reference does", async () => {
  for (const { config, num_experts_and_top_k } of vectors.moe_parameters) {
    const given = typeof config === "string" ? (await loadModel(config)).config : config;
    const found = moeParameters(given);
    assert.deepEqual(found && [found.numExperts, found.topK], num_experts_and_top_k, JSON.stringify(config));
  }
});

Deno.test("moeParameters looks into text_config and passes over null", () => {
  const text_config = {
    num_local_experts: null,
    n_routed_experts: 64,
    num_experts_per_tok: null,
    moe_topk: 6,
  };
  assert.deepEqual(moeParameters({ text_config }), { numExperts: 64, topK: 6 });
});

Deno.test("moeParameters knows each family's names, and lists that repeat one number", () => {
  const cases: readonly [ModelConfig, experts: number, topK: number][] = [
    [{ num_local_experts: 8, num_experts_per_tok: 2 }, 8, 2],
    [{ num_experts: 128, num_experts_per_tok: 8 }, 128, 8],
    [{ n_routed_experts: 64, n_shared_experts: 2, num_experts_per_tok: 6 }, 64, 6],
    [{ num_experts: 16, num_experts_per_token: 2 }, 16, 2],
    [{ num_experts: [16, 16, 16], moe_topk: [4, 4, 4] }, 16, 4],
    [{ moe_num_experts: 64, moe_k: 6 }, 64, 6],
    [{ num_experts: 128, top_k_experts: 8, num_experts_per_tok: null }, 128, 8],
  ];
  for (const [config, numExperts, topK] of cases) {
    assert.deepEqual(moeParameters(config), { numExperts, topK });
  }
});

Deno.test("moeParameters finds no experts where there are 0 of them", () => {
  assert.equal(moeParameters({ num_local_experts: 0, num_experts_per_tok: 0 }), null);
});

Deno.test("moeParameters refuses counts that are none", () => {
  for (const value of ["many", "", -1, 2.5, true, {}, [], [4, 8]]) {
    assert.throws(
      () => moeParameters({ num_experts: value, num_experts_per_tok: 2 }),
      new UsageError(
        `Cannot read the model's experts: num_experts must be a whole number from 0, got ${
          JSON.stringify(value)
        }`,
      ),
    );
  }
});

Deno.test("textConfig is the configuration itself when none is nested", () => {
  for (const config of [{ vocab_size: 8 }, { text_config: null }, { text_config: "x" }]) {
    assert.equal(textConfig(config), config);
  }
});
