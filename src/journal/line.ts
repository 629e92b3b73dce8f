/**
 * The lines of a journal: of a bundle, and of a plan that is fired away from one (`harness/PROTOCOL.md`, Journal).
 *
 * @module
 */
import { z } from "zod";
import { parseJson } from "../files/json.ts";
import { measurerFields, shotClocks } from "../harness/schemas.ts";
import type { FoundLayer } from "../harness/harness.ts";
import { QUANTITIES, type Quantity } from "../quantity.ts";
import type { Limits } from "../shots/limits.ts";
import { type PlanHeader, planHeaderSchema } from "../shots/plan_file.ts";
import type { ShotId } from "../shots/shot_id.ts";
import type { Identity } from "./identity.ts";

/** The format that is written; format 1 is read too. */
export const JOURNAL_FORMAT = 2;

const CATEGORY_NAMES = ["dense", "per_sequence", "attention", "linear_attention", "moe", "skew"] as const;
const STOPS = ["iterations", "precision", "max"] as const;

const shotFields = {
  category: z.enum(CATEGORY_NAMES),
  tp: z.int().positive(),
  key: z.array(z.number()).readonly(),
};
const lane = z.string().optional();
const samples = z.record(z.string(), z.array(z.number().positive()).min(1).readonly()).readonly();
const quantity = z.enum(QUANTITIES, {
  error: "must be kernel, event, wall or estimate",
});
const reading = z.number().nullable();
const identityFields: Record<keyof Identity, z.ZodType> = {
  ...measurerFields,
  dtype: z.string(),
  kv_cache_dtype: z.string(),
  quantity,
  model_revision: z.string().optional(),
  clock_mhz: z.number().optional(),
};

/** The first line of a journal that was fired away from its bundle: what was fired. */
export const planLineSchema = z.object({
  type: z.literal("plan", { error: "must be plan" }),
  format: z.literal(JOURNAL_FORMAT, { error: `must be ${JOURNAL_FORMAT}` }),
  id: z.string({ error: "must be a text" }),
  started: z.iso.datetime({ offset: true, error: "must be a time such as 2026-03-01T09:30:00Z" }),
  quantity,
  plan: planHeaderSchema,
});
/** How a device is watched. */
export interface Watch {
  /** Seconds between two sentinels; 0 for one before each chunk. */
  readonly every_s: number;
  /** Share by which they may move. */
  readonly share: number;
}

const sessionLine = z.object({
  type: z.literal("session"),
  format: z.literal([1, JOURNAL_FORMAT]),
  started: z.string(),
  identity: z.object(identityFields) as unknown as z.ZodType<Identity>,
  settings: z.record(z.string(), z.unknown()),
  watch: z.object({ every_s: z.number().nonnegative(), share: z.number().positive() }).nullable().optional(),
  accept_speed: z.boolean().optional(),
  origin: z.string().optional(),
});
const engineLine = z.object({
  type: z.literal("engine"),
  tp: z.int().positive(),
  ep: z.int().positive().optional(),
  limits: z.looseObject({}) as unknown as z.ZodType<Limits>,
  num_gpu_blocks: z.number().nonnegative(),
  layers: z.record(z.string(), z.object({ class: z.string(), modules: z.number() })),
  engine_args: z.record(z.string(), z.unknown()),
  conditions: z.record(z.string(), z.unknown()).optional(),
  caches: z.array(z.unknown()).optional(),
  sustains: z.boolean().optional(),
  asked: z.string().optional(),
  lane,
});
const sentinelLine = z.object({
  type: z.literal("sentinel"),
  ...shotFields,
  samples,
  clock_mhz: reading,
  clocks_mhz: z.tuple([z.number(), z.number()]).readonly().optional(),
  shot_clocks_mhz: shotClocks.optional(),
  at_s: z.number().optional(),
  drift: z.number().optional(),
  moved: z.boolean().optional(),
  kernels: z.record(z.string(), z.array(z.string()).readonly()).readonly().optional(),
  lane,
});
const stateLine = z.object({
  type: z.literal("state"),
  at_s: z.number().optional(),
  sm_clock_mhz: reading,
  memory_clock_mhz: reading,
  temperature_c: reading,
  power_w: reading,
  throttle: z.array(z.string()).readonly(),
  energy_j: z.number().nonnegative().optional(),
  lane,
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
  sentinel: z.boolean().optional(),
  lane,
});
const costLine = z.object({
  type: z.literal("cost"),
  wall_us: z.number().nonnegative(),
  device_busy_us: z.number().nonnegative().nullable().optional(),
  lane,
});
const sustainedLine = z.object({
  type: z.literal("sustained"),
  ...shotFields,
  layers: z.record(
    z.string(),
    z.object({
      time_us: z.number().positive().nullable(),
      power_w: reading,
      sm_clock_mhz: reading,
      busy_share: z.number().min(0).max(1).optional(),
    }),
  ),
  lane,
});
const chunkLine = z.object({ type: z.literal("chunk") });
const archivedLine = z.object({ type: z.literal("archived"), ...shotFields });
const restoredLine = z.object({ type: z.literal("restored"), ...shotFields });
const otherLine = z.discriminatedUnion("type", [
  planLineSchema,
  sessionLine,
  engineLine,
  failedLine,
  sentinelLine,
  stateLine,
  kernelsLine,
  costLine,
  sustainedLine,
  chunkLine,
  archivedLine,
  restoredLine,
]);

/** Says what was fired, where that was away from the bundle. */
export interface PlanLine {
  /** What the line is. */
  readonly type: "plan";
  /** Format of the journal. */
  readonly format: typeof JOURNAL_FORMAT;
  /** A name that no other journal has. */
  readonly id: string;
  /** When it was begun, ISO 8601. */
  readonly started: string;
  /** What is timed. */
  readonly quantity: Quantity;
  /** The header of the plan. */
  readonly plan: PlanHeader;
}
/**
 * Opens a writer's turn: who measures from here on, with which settings, and how the device is watched: seconds between
 * two sentinels and the share by which they may move, null when nothing watches. `accept_speed` makes the device's speed
 * what it is held against; `origin` is the journal that the lines were taken from.
 */
export type SessionLine = z.infer<typeof sessionLine>;
/** An engine was booted on a lane: what it allows, and the layers that it has. */
export interface EngineLine {
  /** What the line is. */
  readonly type: "engine";
  /** Tensor-parallel degree that it emulates. */
  readonly tp: number;
  /** Devices that share the experts, of which it has one's; absent where it has all. */
  readonly ep?: number | undefined;
  /** What it allows. */
  readonly limits: Limits;
  /** Blocks of its KV cache. */
  readonly num_gpu_blocks: number;
  /** The layers that are timed, by name. */
  readonly layers: Readonly<Record<string, FoundLayer>>;
  /** What it was booted with. */
  readonly engine_args: Readonly<Record<string, unknown>>;
  /** Hash of who booted it and of what was asked for; absent where that is another's to say. */
  readonly asked?: string | undefined;
  /** Which lane of a pool. */
  readonly lane?: string | undefined;
}
/**
 * The samples of one shot in microseconds, by layer (of a skew case by part): those whose rows they make. Where the
 * harness tells, why there are no more of them, the hashes of the kernels of one forward by layer, the samples with each
 * kernel counted in full of layers whose kernels overlap, how often the shot was recorded when more than once, and the
 * device's clock right before and right behind it; in a pool, which lane fired it.
 */
export interface ShotLine extends ShotId {
  /** What the line is. */
  readonly type: "shot";
  /** Microseconds of each timed forward, by layer or part. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Why there are no more samples. */
  readonly stop?: typeof STOPS[number];
  /** Hashes of the kernels of one forward, by layer. */
  readonly kernels?: Readonly<Record<string, readonly string[]>>;
  /** The samples with each kernel counted in full, of layers whose kernels overlap. */
  readonly kernel_sums?: Readonly<Record<string, readonly number[]>>;
  /** How often the shot was recorded, when more than once. */
  readonly recordings?: number;
  /** The clock of the multiprocessors in MHz right before its first forward and right behind its last one. */
  readonly shot_clocks_mhz?: readonly [number, number];
  /** Which lane of a pool. */
  readonly lane?: string;
}
/** Why a shot, or the sentinel, has no samples. */
export type FailedLine = z.infer<typeof failedLine>;
/**
 * A sentinel: its samples in microseconds, the clock of the multiprocessors after it in MHz, the lowest and the highest
 * one after any chunk since the sentinel before, the clock right before and right behind it where the harness counts it,
 * and when it was fired, in seconds since 1970. What follows from it is
 * for {@linkcode import("./judge.ts").newJudge} to say; in format 1 it was written down here (`drift`, `moved`), and
 * the clock was the farthest one.
 */
export type SentinelLine = z.infer<typeof sentinelLine>;
/**
 * What the device was like at a time in seconds since 1970, in a pool that of which lane; what was measured on it until
 * the next such line was measured under it.
 */
export type StateLine = z.infer<typeof stateLine>;
/** Names of device kernels by the hashes that shots call them; a hash is named once. */
export type KernelsLine = z.infer<typeof kernelsLine>;
/** What the shots since the cost before took on a lane, in microseconds, and for how much of it the device worked. */
export type CostLine = z.infer<typeof costLine>;
/** A shot was repeated without a pause: what that took, by layer, as the `sustained` answer of the protocol says it. */
export type SustainedLine = z.infer<typeof sustainedLine>;
/** A chunk was begun: of use to the worker alone, which finds by it the shots that it died of. */
export type ChunkLine = z.infer<typeof chunkLine>;
/** A shot whose rows were moved into the archive, because the plan did not have it any more. */
export type ArchivedLine = z.infer<typeof archivedLine>;
/** A shot whose rows were taken back from the archive, because a plan has it again. */
export type RestoredLine = z.infer<typeof restoredLine>;
/** One line of a journal. */
export type JournalLine =
  | PlanLine
  | SessionLine
  | EngineLine
  | ShotLine
  | FailedLine
  | SentinelLine
  | StateLine
  | KernelsLine
  | CostLine
  | SustainedLine
  | ChunkLine
  | ArchivedLine
  | RestoredLine;

/**
 * Reads a line of a journal.
 *
 * @param text The line, without its end.
 * @returns The line, null when it is none of a journal; a number when it begins a format that is newer than ours.
 *
 * @example
 * ```ts
 * import { parseJournalLine } from "./line.ts";
 * import assert from "node:assert/strict";
 * const text = '{"type":"shot","category":"moe","tp":1,"key":[64,8],"samples":{"moe":[50.5,50.25]}}';
 * assert.deepEqual(parseJournalLine(text), JSON.parse(text));
 * assert.equal(parseJournalLine(text.slice(0, 40)), null);
 * assert.equal(parseJournalLine('{"type":"session","format":99}'), 99);
 * ```
 */
export function parseJournalLine(text: string): JournalLine | number | null {
  let value: Record<string, unknown>;
  try {
    // The configurations of a plan are booted from it.
    value = (text.startsWith('{"type":"plan"') ? parseJson(text) : JSON.parse(text)) as typeof value;
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { type, format } = value;
  // Nearly all lines are shots, which a schema would take three times as long to read.
  if (type === "shot") return isShotLine(value) ? value : null;
  const line = otherLine.safeParse(value).data;
  if (line !== undefined) return line as JournalLine;
  return typeof format === "number" && format > JOURNAL_FORMAT ? format : null;
}

function isShotLine(value: object): value is ShotLine {
  const { category, tp, key, samples, stop, kernels, kernel_sums, recordings, shot_clocks_mhz, lane } =
    value as Record<string, unknown>;
  return (CATEGORY_NAMES as readonly unknown[]).includes(category) &&
    isWhole(tp, 1) && Array.isArray(key) && key.every((part, i) => isKeyPart(category, part, i)) &&
    isRecord(samples) && Object.values(samples).every(areTimes) &&
    (stop === undefined || (STOPS as readonly unknown[]).includes(stop)) &&
    (kernels === undefined || (isRecord(kernels) && Object.values(kernels).every(areTexts))) &&
    (kernel_sums === undefined || (isRecord(kernel_sums) && Object.values(kernel_sums).every(areTimes))) &&
    (recordings === undefined || isWhole(recordings, 1)) &&
    (shot_clocks_mhz === undefined || (areTimes(shot_clocks_mhz) && shot_clocks_mhz.length === 2)) &&
    (lane === undefined || typeof lane === "string");
}

/** Whole numbers from 0, but for the history of prefills at a place, which may lie anywhere. */
function isKeyPart(category: unknown, part: unknown, at: number): boolean {
  return category === "attention" && at === 1 ? Number.isFinite(part) : isWhole(part, 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function areTimes(values: unknown): values is number[] {
  return Array.isArray(values) && values.length > 0 &&
    values.every((value) => typeof value === "number" && value > 0 && value < Infinity);
}

function areTexts(values: unknown): boolean {
  return Array.isArray(values) && values.every((value) => typeof value === "string");
}
