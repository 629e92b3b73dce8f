import assert from "node:assert/strict";
import { newJudge } from "../../src/journal/judge.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import table from "../data/judge-cases.json" with { type: "json" };
import { stateAt } from "./states.ts";

interface Sentinel {
  readonly sentinel: number;
  readonly clocks?: readonly number[];
  readonly at?: number;
  readonly tp?: number;
}
type Step =
  | string
  | number
  | Sentinel
  | {
    readonly session: null | { readonly share: number; readonly every_s: number; readonly accept?: boolean };
  }
  | { readonly engine: number }
  | { readonly read: number | null }
  | { readonly failed_sentinel: number };

const IDENTITY = {} as Extract<JournalLine, { type: "session" }>["identity"];
const LIMITS = {} as Extract<JournalLine, { type: "engine" }>["limits"];
const sentinelOf = (tp: number): { category: "attention"; tp: number; key: number[] } => ({
  category: "attention",
  tp,
  key: [16, 0, 2, 128],
});

/** The line of a journal that a step stands for. */
function lineOf(step: Step): JournalLine {
  if (typeof step === "string") {
    return { type: "shot", category: "dense", tp: 1, key: [step.charCodeAt(0)], samples: { proj: [1, 2] } };
  }
  if (typeof step === "number") return lineOf({ sentinel: step });
  if ("session" in step) {
    const session = { type: "session", format: 2, started: "", identity: IDENTITY, settings: {} } as const;
    if (step.session === null) return session;
    const { accept, ...watch } = step.session;
    return { ...session, watch, ...accept && { accept_speed: true } };
  }
  if ("engine" in step) {
    const { engine: tp } = step;
    return { type: "engine", tp, limits: LIMITS, num_gpu_blocks: 1, layers: {}, engine_args: {} };
  }
  if ("read" in step) return stateAt(step.read);
  if ("failed_sentinel" in step) {
    const { failed_sentinel: tp } = step;
    return { type: "failed", ...sentinelOf(tp), kind: "infeasible", message: "no room", sentinel: true };
  }
  const { sentinel, clocks, at, tp = 1 } = step;
  return {
    ...{ type: "sentinel", ...sentinelOf(tp), samples: { attention: [sentinel, sentinel, sentinel] } },
    clock_mhz: clocks?.at(-1) ?? null,
    ...clocks && { clocks_mhz: [Math.min(...clocks), Math.max(...clocks)] as const },
    ...at !== undefined && { at_s: at },
  };
}

for (const { name, steps, doubted, due } of table.cases) {
  Deno.test(`judge: ${name}`, () => {
    const judge = newJudge();
    for (const step of steps as Step[]) judge.take(lineOf(step));
    judge.end();
    const letters = judge.doubted().map((text) => String.fromCharCode(Number(text.split(" ")[2])));
    assert.equal(letters.sort().join(""), doubted);
    assert.equal(judge.standing, doubted.length);
    const isDue = [...new Set(steps.filter((step) => typeof step === "string"))].filter((letter) =>
      judge.isDue(`dense tp1 ${(letter as string).charCodeAt(0)}`)
    );
    assert.equal(isDue.sort().join(""), due);
  });
}
