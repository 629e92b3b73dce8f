import assert from "node:assert/strict";
import { mutants } from "../../../tasks/mutate/mutants.ts";

const SOURCE = `/** a < b */
export function f(a: number[], b = 2): number {
  log("1 < 2", /3 < 4/);
  for (const x of a) {
    if (x === b || !(x > 1)) continue; // x < 5
    if (!a.some((y) => y !== x)) return Math.max(x, b + 1);
  }
  return true ? a.length / 2 : 0;
}
`;

Deno.test("mutants puts one fault at a time in the code, none in comments, texts and patterns", () => {
  assert.deepEqual(
    mutants(SOURCE).map(({ line, change }) => `${line} ${change}`),
    [
      "5 === → !==",
      "6 !== → ===",
      "5 > → >=",
      "5 || → &&",
      "6 + → -",
      "8 / → *",
      "6 Math.max( → Math.min(",
      "6 .some( → .every(",
      "2 2 → 3",
      "5 1 → 2",
      "6 1 → 2",
      "8 2 → 3",
      "8 0 → 1",
      "8 true → false",
      "5 continue; → break;",
      "5  → !",
      "6 ! →",
      '3 log("1 < 2", /3 < 4/); → ;',
    ].map((text) => text.trimEnd() + (text.endsWith("→") ? " " : "")),
  );
});

Deno.test("a mutant is the source but for the fault", () => {
  for (const { text, line } of mutants(SOURCE)) {
    const [before, after] = [SOURCE, text].map((source) => source.split("\n"));
    assert.deepEqual(before!.flatMap((own, i) => own === after![i] ? [] : [i + 1]), [line]);
  }
});
