import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pythonFloat } from "../../src/number_format.ts";
import { WHOLE_CONTEXT } from "../../src/settings/whole_context.ts";
import { newerAttentionShots, newerAxes, newerMoeShots } from "../../src/shots/newer_shots.ts";
import vectors from "../data/shots-v1.2.json" with { type: "json" };

const sha256 = (lines: readonly string[]): string =>
  createHash("sha256").update(lines.join("\n")).digest("hex");

for (const { name, grid, limits, axes, attention, moe } of vectors) {
  Deno.test(`the grid of v1.2 has the simulator's axes and shots, in its order: ${name}`, () => {
    const own = newerAxes({ ...grid, attentionMaxKv: grid.attentionMaxKv ?? WHOLE_CONTEXT }, limits);
    assert.deepEqual(own, axes);
    const lines = newerAttentionShots(1, own, limits).map((
      { prefills = [], n_decode, kv_decode, decode_q_len: q = 1, prefill_key = 0 },
    ) =>
      `${prefills.map(([c, h]) => `${c}:${h}`).join()}|${n_decode}|${kv_decode}|${q}|${
        pythonFloat(prefill_key)
      }`
    );
    assert.deepEqual(lines.slice(0, attention.first.length), attention.first);
    assert.deepEqual([lines.length, sha256(lines)], [attention.count, attention.sha256]);
    if (moe === null) return;
    const experts = newerMoeShots(limits).map(({ tokens, activated_experts }) =>
      `1,${tokens},${activated_experts}`
    );
    assert.deepEqual([experts.length, sha256(experts)], [moe["1"].count, moe["1"].sha256]);
  });
}
