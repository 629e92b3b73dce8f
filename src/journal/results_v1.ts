/**
 * Results files, the format of before for plans that are fired away from their bundle, read as journals.
 *
 * @module
 */
import { z } from "zod";
import type { DoneAnswer, HelloAnswer, StateAnswer } from "../harness/protocol.ts";
import { answerSchema } from "../harness/schemas.ts";
import { planHeaderSchema } from "../shots/plan_file.ts";
import { shotSchema } from "../shots/schemas.ts";
import type { Shot } from "../shots/shot.ts";
import { idOf } from "../shots/shot_id.ts";
import { identityOf } from "./identity.ts";
import { JOURNAL_FORMAT, type JournalLine, type PlanLine, planLineSchema } from "./line.ts";
import { clockRange } from "./clock_range.ts";

/** What the first line of a results file must look like. */
const headerSchema = planLineSchema.omit({ id: true, format: true }).extend({
  type: z.literal("results"),
  version: z.literal(1, { error: "must be 1" }),
  plan: planHeaderSchema,
});
const beside = z.object({
  shot: shotSchema.optional(),
  sentinel: z.boolean().optional(),
  at_s: z.number().optional(),
});

/** Reads the lines after the first one. */
export interface ResultsReader {
  /**
   * Reads the next line.
   *
   * @param text The line, without its end.
   * @returns The lines of a journal that it stands for; null when it is none of a results file.
   */
  read(text: string): readonly JournalLine[] | null;
  /** Ends the file: lines that were waiting for another one. */
  end(): readonly JournalLine[];
}

/** The schema of the first line, and what it says in a journal. */
export const resultsHeaderSchema: z.ZodType<PlanLine> = headerSchema.transform((header) => ({
  type: "plan",
  format: JOURNAL_FORMAT,
  id: header.started,
  started: header.started,
  quantity: header.quantity,
  plan: header.plan as PlanLine["plan"],
}));

/**
 * Begins to read a results file.
 *
 * @param plan What its first line says.
 * @returns What reads the others.
 */
export function resultsReader({ started, quantity, plan }: PlanLine): ResultsReader {
  const clocks = clockRange();
  // The last state since the last `done`, and a sentinel whose clock is the one after it.
  let state: StateAnswer | undefined;
  let atS: number | undefined;
  let held: ((line: Pick<JournalLine & { type: "sentinel" }, "clock_mhz">) => JournalLine) | undefined;

  function release(): JournalLine[] {
    if (held === undefined) return [];
    const { latest, ...range } = clocks.take();
    const line = held({ clock_mhz: latest, ...range });
    held = undefined;
    return [line];
  }

  function outcome(
    line:
      | { type: "result"; samples: Record<string, number[]> }
      | { type: "failed" } & Record<string, unknown>,
    shot: Shot,
    isSentinel: boolean,
  ): JournalLine[] {
    const id = idOf(shot);
    if (line.type === "failed") {
      const { kind, message } = line as unknown as { kind: "infeasible"; message: string };
      return [{ type: "failed", ...id, kind, message, ...isSentinel && { sentinel: true } }];
    }
    const { seq: _, index: __, type: ___, samples, ...told } = line as Record<string, unknown>;
    if (!isSentinel) return [{ type: "shot", ...id, samples: samples as Record<string, number[]>, ...told }];
    held = (clock) => ({
      ...{ type: "sentinel", ...id, samples: samples as Record<string, number[]>, ...clock },
      ...atS !== undefined && { at_s: atS },
    });
    return [];
  }

  return {
    read(text): readonly JournalLine[] | null {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return null;
      }
      if (typeof value !== "object" || value === null) return null;
      if ("type" in value && value.type === "chunk") return [...release(), { type: "chunk" }];
      const answer = answerSchema.safeParse({ ...value, seq: 0, index: 0 }).data;
      const more = beside.safeParse(value).data;
      if (answer === undefined || more === undefined) return null;
      const before = answer.type === "done" || answer.type === "state" ? [] : release();
      switch (answer.type) {
        case "hello": {
          const at = more.at_s === undefined ? started : new Date(more.at_s * 1000).toISOString();
          const { settings } = plan;
          const identity = identityOf(answer as HelloAnswer, { ...settings, quantity });
          return [...before, {
            ...{ type: "session", format: JOURNAL_FORMAT, started: at, identity, settings: { ...settings } },
          }];
        }
        case "booted":
          return [...before, { ...answer, type: "engine" } as JournalLine];
        case "kernels":
          return [...before, { type: "kernels", names: answer.names }];
        case "state": {
          state = answer as StateAnswer;
          atS = more.at_s ?? atS;
          const { seq: _, ...fact } = state;
          return [{ ...fact, ...more.at_s !== undefined && { at_s: more.at_s } }];
        }
        case "done": {
          if (state !== undefined) clocks.see(state.sm_clock_mhz);
          state = undefined;
          const { wall_us = 0, device_busy_us } = answer as DoneAnswer;
          return [
            ...release(),
            { type: "cost", wall_us, ...device_busy_us !== undefined && { device_busy_us } },
          ];
        }
        case "sustained":
          if (more.shot === undefined) return null;
          return [...before, { type: "sustained", ...idOf(more.shot as Shot), layers: answer.layers }];
        case "result":
        case "failed":
          if (more.shot === undefined) return null;
          return [...before, ...outcome(answer as never, more.shot as Shot, more.sentinel ?? false)];
        default:
          return null;
      }
    },
    end: release,
  };
}
