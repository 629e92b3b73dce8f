/**
 * The lines of a results file (`harness/PROTOCOL.md`, Results file).
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { z } from "zod";
import type { DoneAnswer, HelloAnswer, KernelsAnswer, StateAnswer } from "../harness/protocol.ts";
import type { BootedAnswer } from "../harness/protocol.ts";
import type { ShotOutcome } from "../harness/harness.ts";
import { answerSchema } from "../harness/schemas.ts";
import { type PlanHeader, planHeaderSchema } from "../shots/plan_file.ts";
import { readJson } from "../shots/read_json.ts";
import { shotSchema } from "../shots/schemas.ts";
import type { Shot } from "../shots/shot.ts";

/** The version of the format. */
export const RESULTS_VERSION = 1;

/** The first line: what was fired. */
export interface ResultsHeader {
  /** What the line is. */
  readonly type: "results";
  /** Version of the format. */
  readonly version: typeof RESULTS_VERSION;
  /** When the file was begun, ISO 8601. */
  readonly started: string;
  /** What is timed. */
  readonly quantity: Quantity;
  /** The header of the plan. */
  readonly plan: PlanHeader;
}

/** What became of a shot. */
export interface OutcomeLine {
  /** What the line is here: a `result` or `failed` of the file. */
  readonly type: "outcome";
  /** The shot. */
  readonly shot: Shot;
  /** Its samples or its failure. */
  readonly outcome: ShotOutcome;
  /** Whether it was fired as the sentinel. */
  readonly sentinel: boolean;
}

/** A chunk was begun: of use to who goes on in the file only. */
export interface ChunkLine {
  /** What the line is. */
  readonly type: "chunk";
}

/** A line of a results file after the first. */
export type ResultsLine =
  | ChunkLine
  | TimedHello
  | BootedAnswer
  | KernelsAnswer
  | TimedState
  | DoneAnswer
  | OutcomeLine;

/** Who writes from here on, and since when: seconds since 1970, null when the file does not say. */
export type TimedHello = HelloAnswer & { readonly atS: number | null };

/** What the device was like, and when: seconds since 1970, null when the file does not say. */
export type TimedState = StateAnswer & { readonly atS: number | null };

const headerSchema = z.object({
  type: z.literal("results", { error: "must be results" }),
  version: z.literal(RESULTS_VERSION, { error: `must be ${RESULTS_VERSION}` }),
  started: z.iso.datetime({ offset: true, error: "must be a time such as 2026-03-01T09:30:00Z" }),
  quantity: z.enum(["kernel", "event", "wall", "estimate"], {
    error: "must be kernel, event, wall or estimate",
  }),
  plan: planHeaderSchema,
});
const lineOfShot = z.object({ shot: shotSchema, sentinel: z.boolean().optional() });

/**
 * Reads the first line of a results file.
 *
 * @param text The line.
 * @param fail Makes the error from the rule that was broken.
 * @returns The header.
 * @throws {Error} what `fail` makes.
 */
export function parseResultsHeader(text: string, fail: (rule: string) => Error): ResultsHeader {
  return readJson(headerSchema, text, fail) as ResultsHeader;
}

/**
 * Reads another line of a results file.
 *
 * @param text The line, without its end.
 * @returns The line, null when it is none.
 *
 * @example
 * ```ts
 * import { parseResultsLine } from "./results_line.ts";
 * import assert from "node:assert/strict";
 * const shot = { category: "dense", tp: 1, tokens: 16 };
 * assert.deepEqual(parseResultsLine(JSON.stringify({ type: "result", shot, samples: { embedding: [3.5, 3] } })), {
 *   type: "outcome",
 *   shot,
 *   outcome: { status: "measured", index: 0, samples: { embedding: [3.5, 3] } },
 *   sentinel: false,
 * });
 * ```
 */
export function parseResultsLine(text: string): ResultsLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if ("type" in value && value.type === "chunk") return { type: "chunk" };
  const answer = answerSchema.safeParse({ ...value, seq: 0, index: 0 }).data;
  switch (answer?.type) {
    case "booted":
    case "kernels":
    case "done":
      return answer as ResultsLine;
    case "hello":
    case "state":
      return {
        ...answer,
        atS: z.object({ at_s: z.number() }).safeParse(value).data?.at_s ?? null,
      } as ResultsLine;
    case "result":
    case "failed": {
      const parsed = lineOfShot.safeParse(value).data;
      if (parsed === undefined) return null;
      const { type, seq: _, ...told } = answer;
      const outcome = { status: type === "result" ? "measured" : "failed", ...told } as ShotOutcome;
      return { type: "outcome", shot: parsed.shot as Shot, outcome, sentinel: parsed.sentinel ?? false };
    }
    default:
      return null;
  }
}

/**
 * Writes the outcome of a shot as a line.
 *
 * @param shot The shot.
 * @param outcome Its samples or its failure.
 * @param sentinel Whether it was fired as the sentinel.
 * @returns The line's object.
 */
export function outcomeLine(
  shot: Shot,
  { status, index: _, ...told }: ShotOutcome,
  sentinel = false,
): Record<string, unknown> {
  return { type: status === "measured" ? "result" : "failed", shot, ...told, ...sentinel && { sentinel } };
}
