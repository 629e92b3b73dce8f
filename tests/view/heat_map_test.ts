import assert from "node:assert/strict";
import { heatMap } from "../../src/view/heat_map.ts";
import { INK, PAPER } from "../../src/view/theme.ts";

Deno.test("a heat map's numbers are white on dark cells and dark on light ones", () => {
  const cells = [1, 10, 100].map((value, x) => ({ x, y: 0, value }));
  const ink = (scale: "time" | "ratio"): unknown => {
    const map = heatMap({ cells, missing: "", title: "", subtitle: "", x: "", y: "", scale, legend: "" });
    return (map.data[1]!["textfont"] as { color: unknown }).color;
  };
  assert.deepEqual(ink("time"), [PAPER, INK, INK]);
  assert.deepEqual(ink("ratio"), [INK, PAPER, PAPER]);
});

Deno.test("a map of ratios says at which end of its colours larger ones are", () => {
  const cells = [0.5, 1, 8].map((value, x) => ({ x, y: 0, value }));
  const words = { title: "", subtitle: "", x: "", y: "", legend: "" };
  const [{ colorbar }] = heatMap({ cells, missing: "", scale: "ratio", ...words }).data as [
    { colorbar: unknown },
  ];
  assert.deepEqual((colorbar as { ticktext: string[] }).ticktext, ["0.25", "0.50", "1.00", "2.00", "≥4.00"]);
});
