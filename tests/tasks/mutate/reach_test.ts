/** Probes say which statements a program came to, and change nothing else. */
import assert from "node:assert/strict";
import { probed } from "../../../tasks/mutate/reach.ts";

const SOURCE = `export function f(a: number, b = 2): string {
  if (a > 5) return "big";
  else if (a > 3) return "middle";
  for (const x of [1, 2]) if (x === a) switch (b) {
    case 2:
      return [a, a].map((y) => y * b).join();
    default:
      throw new Error("odd");
  }
  const late = (c: number) => (d: number) => c + d;
  while (a < -9) a++;
  return a < 0 ? "none" : String(late(a)(b));
}
const unused = (s: string): string => { return s + "!"; };
export const kept = unused;
`;
const PLACES = [
  ...['"big"', "a > 3", '"middle"', "x === a", "y * b", "map", '"odd"', "c + d", "a++", "< 0", '"none"'],
  ...['s + "!"', "= unused", "= 2"],
];

async function comesTo(work: (f: (a: number, b?: number) => string) => void): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  try {
    const places = new Map(PLACES.map((text, number) => [number, SOURCE.indexOf(text)]));
    await Deno.writeTextFile(`${dir}/reached`, "");
    await Deno.writeTextFile(`${dir}/f.ts`, probed(SOURCE, places, `${dir}/reached`));
    work((await import(`file://${dir}/f.ts`)).f);
    const numbers = (await Deno.readTextFile(`${dir}/reached`)).trimEnd().split("\n").map(Number);
    assert.equal(new Set(numbers).size, numbers.length, "each is told once");
    return numbers.sort((a, b) => a - b).map((number) => PLACES[number]!);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** What is come to as the module is loaded. */
const LOADED = ["= unused", "= 2"];
const CASES: [a: number[], given: string[], reached: string[]][] = [
  [[6], ["big"], ['"big"']],
  [[4], ["middle"], ["a > 3", '"middle"']],
  [[1, 2], ["2,2", "4,4"], ["a > 3", "x === a", "y * b", "map"]],
  [[3], ["5"], ["a > 3", "x === a", "c + d", "< 0", '"none"']],
  [[-10], ["none"], ["a > 3", "x === a", "a++", "< 0", '"none"']],
];
for (const [numbers, given, reached] of CASES) {
  Deno.test(`f of ${numbers} gives ${given} and comes to ${reached.join(", ")}`, async () => {
    const found = await comesTo((f) => assert.deepEqual(numbers.map((a) => f(a)), given));
    assert.deepEqual(found, [...reached, ...LOADED]);
  });
}

Deno.test("a place after what throws is not come to", async () => {
  const found = await comesTo((f) => assert.throws(() => f(1, 3), { message: "odd" }));
  assert.deepEqual(found, ["a > 3", "x === a", '"odd"', ...LOADED]);
});
