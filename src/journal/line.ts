/**
 * The lines of a bundle's journal.
 *
 * @module
 */
import { z } from "zod";
import { processorSchema } from "../harness/schemas.ts";
import type { Identity } from "./identity.ts";

const shotFields = {
  category: z.enum(["dense", "per_sequence", "attention", "moe", "skew"]),
  tp: z.int().positive(),
  key: z.array(z.int().nonnegative()).readonly(),
};
const samples = z.record(z.string(), z.array(z.number().positive()).min(1).readonly()).readonly();
const identityFields: Record<keyof Identity, z.ZodType> = {
  harness: z.string(),
  harness_version: z.string(),
  engine: z.string(),
  engine_version: z.string(),
  device: z.string(),
  driver: z.string(),
  runtime: z.string(),
  processor: processorSchema.optional(),
  dtype: z.string(),
  kv_cache_dtype: z.string(),
  quantity: z.enum(["kernel", "event", "wall", "estimate"]),
  model_revision: z.string().optional(),
};
const sessionLine = z.object({
  type: z.literal("session"),
  format: z.literal(1),
  started: z.string(),
  identity: z.object(identityFields) as unknown as z.ZodType<Identity>,
  settings: z.record(z.string(), z.unknown()),
});
const shotLine = z.object({
  type: z.literal("shot"),
  ...shotFields,
  samples,
  stop: z.enum(["iterations", "precision", "max"]).optional(),
  kernels: z.record(z.string(), z.array(z.string()).readonly()).readonly().optional(),
  kernel_sums: samples.optional(),
  recordings: z.int().positive().optional(),
  lane: z.string().optional(),
});
const sentinelLine = z.object({
  type: z.literal("sentinel"),
  ...shotFields,
  samples,
  clock_mhz: z.number().nullable(),
  drift: z.number(),
  moved: z.boolean(),
  lane: z.string().optional(),
});
const reading = z.number().nullable();
const stateLine = z.object({
  type: z.literal("state"),
  at_s: z.number().optional(),
  sm_clock_mhz: reading,
  memory_clock_mhz: reading,
  temperature_c: reading,
  power_w: reading,
  throttle: z.array(z.string()).readonly(),
  energy_j: z.number().nonnegative().optional(),
  lane: z.string().optional(),
});
const kernelsLine = z.object({
  type: z.literal("kernels"),
  names: z.record(z.string(), z.string()).readonly(),
});
const failedLine = z.object({
  type: z.literal("failed"),
  ...shotFields,
  kind: z.enum(["infeasible", "out_of_memory", "unsupported", "engine_dead", "bad_request", "timeout"]),
  message: z.string(),
});
const archivedLine = z.object({ type: z.literal("archived"), ...shotFields });
const journalLine = z.discriminatedUnion("type", [
  sessionLine,
  shotLine,
  failedLine,
  sentinelLine,
  stateLine,
  kernelsLine,
  archivedLine,
]);

/** Opens a writer's turn: who measures from here on, and with which settings. */
export type SessionLine = z.infer<typeof sessionLine>;
/**
 * The samples of one shot in microseconds, by layer (of a skew case by part): those whose rows they make. Where the
 * harness tells, why there are no more of them, the hashes of the kernels of one forward by layer, the samples with each
 * kernel counted in full of layers whose kernels overlap, and how often the shot was recorded when more than once; in a
 * pool, which lane fired it.
 */
export type ShotLine = z.infer<typeof shotLine>;
/** Why a shot has no samples. */
export type FailedLine = z.infer<typeof failedLine>;
/**
 * A sentinel: its samples in microseconds, the clock of the multiprocessors, by which share its time differs from the
 * writer's first, and whether time or clock have moved too far. When they have, what was measured since the sentinel
 * before is in doubt; the next samples of such a shot take the place of these.
 */
export type SentinelLine = z.infer<typeof sentinelLine>;
/**
 * What the device was like at a time in seconds since 1970, in a pool that of which lane; what was measured on it until
 * the next such line was measured under it.
 */
export type StateLine = z.infer<typeof stateLine>;
/** Names of device kernels by the hashes that shots call them; a hash is named once. */
export type KernelsLine = z.infer<typeof kernelsLine>;
/** A shot whose rows were moved into the archive, because the plan did not have it any more. */
export type ArchivedLine = z.infer<typeof archivedLine>;
/** One line of a journal. */
export type JournalLine =
  | SessionLine
  | ShotLine
  | FailedLine
  | SentinelLine
  | StateLine
  | KernelsLine
  | ArchivedLine;

/**
 * Reads a line of a journal.
 *
 * @param text The line, without its end.
 * @returns The line, null when it is none of a journal.
 *
 * @example
 * ```ts
 * import { parseJournalLine } from "./line.ts";
 * import assert from "node:assert/strict";
 * const text = '{"type":"shot","category":"moe","tp":1,"key":[64,8],"samples":{"moe":[50.5,50.25]}}';
 * assert.deepEqual(parseJournalLine(text), JSON.parse(text));
 * assert.equal(parseJournalLine(text.slice(0, 40)), null);
 * ```
 */
export function parseJournalLine(text: string): JournalLine | null {
  try {
    return journalLine.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
