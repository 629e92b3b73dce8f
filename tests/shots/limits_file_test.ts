import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { parseLimits } from "../../src/shots/limits_file.ts";

const LIMITS = {
  max_num_batched_tokens: 2048,
  max_num_seqs: 256,
  num_cache_tokens: 41408,
  max_model_len: 4096,
};

Deno.test("parseLimits fills in a dense model and blocks of 16", () => {
  assert.deepEqual(parseLimits(JSON.stringify(LIMITS), "limits.json"), {
    ...LIMITS,
    num_experts: null,
    top_k: null,
    block_size: 16,
  });
});

Deno.test("parseLimits keeps what is said", () => {
  const limits = { ...LIMITS, num_experts: 8, top_k: 2, block_size: 32 };
  assert.deepEqual(parseLimits(JSON.stringify(limits), "limits.json"), limits);
});

Deno.test("parseLimits names the field and the value", () => {
  const cases: readonly [text: string, rule: string][] = [
    ["", "it must be JSON, got nothing"],
    [
      JSON.stringify({ ...LIMITS, max_num_seqs: undefined }),
      "max_num_seqs must be a whole number above 0, got nothing",
    ],
    [
      JSON.stringify({ ...LIMITS, max_num_seqs: "256" }),
      'max_num_seqs must be a whole number above 0, got "256"',
    ],
    [JSON.stringify({ ...LIMITS, block_size: 0 }), "block_size must be a whole number above 0, got 0"],
    [JSON.stringify({ ...LIMITS, max_seqs: 1 }), "max_seqs is no known field"],
  ];
  for (const [text, rule] of cases) {
    assert.throws(
      () => parseLimits(text, "limits.json"),
      new UsageError(`Cannot read limits limits.json: ${rule}`),
    );
  }
});
