// deno-lint-ignore-file no-console
/**
 * Makes a plan of a random part of another one's shots, a tenth unless told, to be measured a second time:
 *
 *     deno run -A tests/bench/repeat/tenth.ts plan.jsonl --seed 7 --out tenth.jsonl
 *
 * @module
 */
import { draw, randomFrom } from "../../../src/random.ts";
import { parseArgs } from "node:util";
import { formatPlan, parsePlan } from "../../../src/shots/plan_file.ts";
import type { Sweep } from "../../../src/shots/plan_sweeps.ts";

/**
 * Draws a share of every sweep's shots, one at least.
 *
 * @param sweeps The sweeps.
 * @param share From 0 to 1.
 * @param seed A whole number; the same one draws the same shots.
 * @returns The drawn shots in their order.
 */
export function sampleSweeps(sweeps: readonly Sweep[], share: number, seed: number): Sweep[] {
  const random = randomFrom(seed);
  return sweeps.map(({ category, tp, shots }) => {
    const count = Math.max(1, Math.round(share * shots.length));
    const drawn = draw(Int32Array.from(shots.keys()), count, random).sort();
    return { category, tp, shots: [...drawn].map((index) => shots[index]!) };
  });
}

if (import.meta.main) {
  const { values, positionals: [plan] } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "7" },
      out: { type: "string" },
      share: { type: "string", default: "0.1" },
      only: { type: "string" },
    },
  });
  if (plan === undefined || values.out === undefined) {
    throw new Error("Expected tenth.ts PLAN --out FILE [--seed NUMBER] [--share SHARE] [--only CATEGORY]");
  }
  const { header, sweeps } = parsePlan((await Deno.readTextFile(plan)).split("\n"), plan);
  const chosen = sweeps.filter(({ category }) => values.only === undefined || category === values.only);
  const sample = sampleSweeps(chosen, Number(values.share), Number(values.seed));
  await Deno.writeTextFile(values.out, [...formatPlan(header, sample), ""].join("\n"));
  for (const { category, tp, shots } of sample) console.log(`tp ${tp} ${category}: ${shots.length} shots`);
}
