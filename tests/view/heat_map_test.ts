import assert from "node:assert/strict";
import { heatMap } from "../../src/view/heat_map.ts";
import { colorAt, contrast, DIVERGING, inkOn, SEQUENTIAL } from "../../src/view/theme.ts";

Deno.test("a heat map's numbers are light on dark cells and dark on light ones", () => {
  const [dark, light] = ["black", "white"];
  const cells = [1, 10, 100].map((value, x) => ({ x, y: 0, value }));
  const ink = (scale: "time" | "ratio"): unknown => {
    const map = heatMap({ cells, missing: "", title: "", subtitle: "", x: "", y: "", scale, legend: "" });
    return (map.data[1]!["textfont"] as { color: unknown }).color;
  };
  assert.deepEqual(ink("time"), [light, light, dark]);
  assert.deepEqual(ink("ratio"), [dark, light, light]);
});

Deno.test("a number has a contrast of 4.5 or more on every colour of both scales", () => {
  for (const scale of [SEQUENTIAL, DIVERGING]) {
    for (let at = 0; at <= 1; at += 0.01) {
      const ground = colorAt(scale, at);
      const ink = inkOn(ground) === "black" ? "#000000" : "#FFFFFF";
      assert.ok(contrast(ink, ground) >= 4.5, `${ground}: ${contrast(ink, ground)}`);
    }
  }
});

Deno.test("every map of ratios has one scale, and says that its ends hold what is beyond", () => {
  const cells = [0.5, 1, 8].map((value, x) => ({ x, y: 0, value }));
  const words = { title: "", subtitle: "", x: "", y: "", legend: "" };
  const [{ colorbar }] = heatMap({ cells, missing: "", scale: "ratio", ...words }).data as [
    { colorbar: unknown },
  ];
  assert.deepEqual((colorbar as { ticktext: string[] }).ticktext, ["≤0.50", "0.71", "1.00", "1.41", "≥2.00"]);
});
