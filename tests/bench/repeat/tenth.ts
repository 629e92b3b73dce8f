// deno-lint-ignore-file no-console
/**
 * Makes a plan of a random part of another one's shots, a tenth unless told, to be measured a second time:
 *
 *     deno run -A tests/bench/repeat/tenth.ts plan.jsonl --seed 7 --out tenth.jsonl
 *
 * @module
 */
import { UsageError } from "../../../src/errors.ts";
import { readText } from "../../../src/files/read.ts";
import { draw, randomFrom } from "../../../src/random.ts";
import { formatPlan, parsePlan } from "../../../src/shots/plan_file.ts";
import { runScript } from "../../../tasks/script.ts";
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
  const options = {
    seed: { type: "string", default: "7" },
    out: { type: "string" },
    share: { type: "string", default: "0.1" },
    only: { type: "string" },
  } as const;
  const usage = "tenth.ts PLAN --out FILE [--seed NUMBER] [--share SHARE] [--only CATEGORY]";
  await runScript({ usage, options, words: [1, 1] }, async ({ seed, out, share, only }, plan) => {
    if (out === undefined) throw new UsageError(`Usage: ${usage}`);
    const { header, sweeps } = parsePlan((await readText(plan)).split("\n"), plan);
    const chosen = sweeps.filter(({ category }) => only === undefined || category === only);
    const sample = sampleSweeps(chosen, Number(share), Number(seed));
    await Deno.writeTextFile(out, [...formatPlan(header, sample), ""].join("\n"));
    for (const { category, tp, shots } of sample) console.log(`tp ${tp} ${category}: ${shots.length} shots`);
  });
}
