/** Pools of fakes, and what they told. */
import type { Lane } from "../../src/workers/lane.ts";
import type { PoolMember } from "../../src/workers/pool.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { fakeHarness, type FakeOptions } from "../run/fakes.ts";
import { denseSweep } from "../run/tiny_run.ts";

export const tokensOf = (shot: Shot): number => (shot as { tokens: number }).tokens;
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A member whose every harness is a fake with these options. */
export function member(name: string, options: FakeOptions = {}): PoolMember {
  return { name, open: () => Promise.resolve(fakeHarness(options)) };
}

/** Fires a shot per number of tokens, and writes what the pool told. */
export async function tell(pool: Lane, tokens: readonly number[], chunk = 4): Promise<string[]> {
  const steps: string[] = [];
  for await (const step of pool.fire(denseSweep(tokens).shots, { iterations: 1, quantity: "wall", chunk })) {
    if (step.type === "engine") continue;
    if (step.type === "outcome") {
      const kind = step.outcome.status === "failed" ? ` ${step.outcome.kind}` : "";
      steps.push(`${tokensOf(step.shot)}${kind}`);
    } else steps.push("message" in step ? step.message : step.type);
  }
  return steps;
}

/** The shots that have an outcome, ascending; a failed one with its kind. */
export function outcomes(steps: readonly string[]): string[] {
  return steps.filter((step) => /^\d+( [a-z_]+)?$/.test(step)).sort((a, b) => parseInt(a) - parseInt(b));
}
