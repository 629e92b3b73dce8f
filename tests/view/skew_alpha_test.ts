import assert from "node:assert/strict";
import { skewAlpha } from "../../src/view/figures/skew_alpha.ts";
import { SMALL } from "./small_bundle.ts";

Deno.test("skewAlpha counts alphas beyond −0.1 and 1.1, bounds left out, and draws those beyond 2 at the edge", () => {
  const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
  const row = SMALL.skew(1)[0]!;
  const alphas = [-0.1, 1.1, 0.5, -0.11, 1.11, 2.5, -3, 2];
  const { data, layout } = skewAlpha({ subject, rows: alphas.map((alpha) => ({ ...row, alpha })) });
  const [title] = JSON.stringify(layout["title"]).match(/Alpha is [^"<]*%/)!;
  assert.equal(title, "Alpha is below −0.1 or above 1.1 in 63%");
  assert.deepEqual(data[0]!["y"], [-0.1, 1.1, 0.5, -0.11, 1.11, 2, -2, 2]);
});
