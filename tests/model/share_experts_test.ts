/** A model whose experts several devices share: what one of them has. */
import assert from "node:assert/strict";
import type { ModelConfig } from "../../src/model/model.ts";
import { sharedExperts, shareExperts } from "../../src/model/share_experts.ts";

const shares: [experts: number, topK: number, ep: number, own: number, ownTopK: number][] = [
  [128, 8, 1, 128, 8],
  [128, 8, 4, 32, 2],
  [128, 8, 16, 8, 1],
  [128, 6, 4, 32, 1],
  [128, 7, 2, 64, 3],
];
for (const [numExperts, topK, ep, own, ownTopK] of shares) {
  Deno.test(`of ${numExperts} experts, ${topK} a token, one of ${ep} devices has ${own}, ${ownTopK} a token`, () => {
    assert.deepEqual(sharedExperts({ numExperts, topK }, ep), { numExperts: own, topK: ownTopK });
  });
}

const BASE = { hidden_size: 64, num_experts: 16, num_experts_per_tok: 4 };
const configs: [string, ModelConfig, ep: number, ModelConfig][] = [
  ["alone", BASE, 2, { ...BASE, num_experts: 8, num_experts_per_tok: 2 }],
  ["in a text part", { model_type: "x", text_config: BASE }, 4, {
    model_type: "x",
    text_config: { ...BASE, num_experts: 4, num_experts_per_tok: 1 },
  }],
  ["under several names", { ...BASE, n_routed_experts: 16, num_local_experts: null, moe_topk: 4 }, 2, {
    ...{ ...BASE, num_experts: 8, num_experts_per_tok: 2, n_routed_experts: 8 },
    ...{ num_local_experts: null, moe_topk: 2 },
  }],
  ["a layer at a time", { ...BASE, num_experts: [16, 16] }, 2, {
    ...BASE,
    num_experts: [8, 8],
    num_experts_per_tok: 2,
  }],
  ["in groups of a device", { ...BASE, n_group: 4 }, 2, {
    ...{ ...BASE, num_experts: 8, num_experts_per_tok: 2 },
    n_group: 4,
  }],
  ["in one group", { ...BASE, n_group: 1 }, 2, {
    ...{ ...BASE, num_experts: 8, num_experts_per_tok: 2 },
    n_group: 1,
  }],
];
for (const [what, config, ep, expected] of configs) {
  Deno.test(`experts named ${what} are shared among ${ep} devices`, () => {
    assert.deepEqual(shareExperts(config, ep), expected);
  });
}

const refused: [ModelConfig, ep: number, rule: string][] = [
  [{ hidden_size: 64 }, 2, "the model must have some, its config names none"],
  [BASE, 3, "their number must be divisible by it, got 16; leave this degree out"],
  [{ ...BASE, n_group: 8 }, 4, "n_group must divide those of a device (4), got 8; leave this degree out"],
  [{ ...BASE, n_group: 3 }, 2, "n_group must divide those of a device (8), got 3; leave this degree out"],
  [
    { ...BASE, num_experts: 6, n_group: 2 },
    2,
    "n_group must divide those of a device (3), got 2; leave this degree out",
  ],
];
for (const [config, ep, rule] of refused) {
  Deno.test(`experts are not shared among ${ep} devices: ${rule}`, () => {
    assert.throws(() => shareExperts(config, ep), {
      name: "UsageError",
      message: `Cannot share the experts among ${ep} devices: ${rule}`,
    });
  });
}
