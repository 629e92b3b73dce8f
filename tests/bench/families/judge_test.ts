import assert from "node:assert/strict";
import { judge, type Measured } from "./judge.ts";

const node = (path: string, parent: number | null, layer: string | null, us: number): object => ({
  path,
  class: "Module",
  parent,
  layer,
  kernels: us > 0 ? [["kernel", us]] : [],
});

function measured(rows: object): Measured {
  return {
    architecture: {
      sequence: { prologue: ["embedding"], head: ["lm_head"] },
      layers: [["layernorm", "attention", "layernorm"], ["layernorm", "attention", "layernorm"]],
    },
    forwards: {
      decode: {
        requests: [[1, 16]],
        activated_experts: null,
        rows,
        forward: [
          node("", null, null, 5),
          node("model", 0, null, 2),
          node("model.embed", 1, "embedding", 10),
          node("model.norm", 1, "layernorm", 20),
          node("model.attn", 1, "attention", 30),
          node("model.attn.inner", 4, null, 8),
          node("logits", 0, "lm_head", 30),
        ],
      },
    },
  } as unknown as Measured;
}

const WHOLE = {
  dense: { samples: { embedding: [10, 11, 12], layernorm: [5, 5, 5] } },
  attention: { samples: { attention: [19, 19.5, 20] } },
  per_sequence: { samples: { lm_head: [30] } },
};

Deno.test("rows count as often as a forward runs them, kernels belong to the layer around them", () => {
  const [found] = judge(measured(WHOLE));
  assert.deepEqual(found!.layers["attention"], { forwardUs: 38, rowsUs: 39 });
  assert.deepEqual(found!.layers["layernorm"], { forwardUs: 20, rowsUs: 20 });
  assert.deepEqual(found!.layers["no layer"], { forwardUs: 2, rowsUs: 0 });
  assert.deepEqual([found!.forwardUs, found!.comparedUs, found!.rowsUs], [100, 98, 100]);
  assert.equal(found!.error, 100 / 98 - 1);
  assert.deepEqual(found!.faults, []);
});

Deno.test("layers without rows are not compared, and the reason is told", () => {
  const [found] = judge(measured({ ...WHOLE, dense: { fault: "unsupported: no kernels" } }));
  assert.deepEqual([found!.comparedUs, found!.rowsUs], [68, 69]);
  assert.deepEqual(found!.faults, ["dense: unsupported: no kernels"]);
  assert.deepEqual(judge({ error: "did not boot" }), []);
});
