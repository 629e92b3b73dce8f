import assert from "node:assert/strict";
import { newJudge } from "../../src/journal/judge.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import { type ShotId, shotText } from "../../src/shots/shot_id.ts";
import table from "../data/judge-cases.json" with { type: "json" };
import { stateAt } from "./states.ts";

interface Sentinel {
  readonly sentinel: number;
  readonly clocks?: readonly number[];
  readonly at?: number;
  readonly tp?: number;
  readonly own?: readonly [number, number];
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
  | { readonly shot: string; readonly own: readonly [number, number] }
  | { readonly failed_sentinel: number };

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly doubted: string;
  readonly due: string;
  readonly lowering?: string;
  readonly moved?: boolean;
}

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
  if ("shot" in step) {
    return { ...lineOf(step.shot) as Extract<JournalLine, { type: "shot" }>, shot_clocks_mhz: step.own };
  }
  if ("failed_sentinel" in step) {
    const { failed_sentinel: tp } = step;
    return { type: "failed", ...sentinelOf(tp), kind: "infeasible", message: "no room", sentinel: true };
  }
  const { sentinel, clocks, at, tp = 1, own } = step;
  return {
    ...{ type: "sentinel", ...sentinelOf(tp), samples: { attention: [sentinel, sentinel, sentinel] } },
    clock_mhz: clocks?.at(-1) ?? null,
    ...clocks && { clocks_mhz: [Math.min(...clocks), Math.max(...clocks)] as const },
    ...own && { shot_clocks_mhz: own },
    ...at !== undefined && { at_s: at },
  };
}

const lettersOf = (texts: Iterable<string>): string =>
  [...texts].map((text) => String.fromCharCode(Number(text.split(" ")[2]))).sort().join("");
const textsOf = (steps: readonly Step[]): Set<string> =>
  new Set(steps.map(lineOf).filter(({ type }) => type === "shot").map((line) => shotText(line as ShotId)));

for (const { name, steps, doubted, due, lowering = "", moved = false } of table.cases as Case[]) {
  Deno.test(`judge: ${name}`, () => {
    const judge = newJudge();
    for (const step of steps) judge.take(lineOf(step));
    assert.equal(judge.movedLanes.length > 0, moved);
    judge.end();
    assert.equal(lettersOf(judge.doubted()), doubted);
    assert.equal(judge.standing, doubted.length);
    assert.equal(lettersOf(textsOf(steps).values().filter(judge.isDue)), due);
    assert.equal(lettersOf(textsOf(steps).values().filter(judge.lowersClock)), lowering);
    assert.equal(judge.lowering, lowering.length);
  });
}
