/**
 * The file that `forward.py` writes: batches, and the times of whole forwards through few layers.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../../../src/errors.ts";
import { median } from "../../../src/stats.ts";
import { readJsonLines } from "../../../tasks/script.ts";

/** Name of what a forward does outside of the catalogue's layers. */
export const ELSEWHERE = "elsewhere";

const header = z.looseObject({
  type: z.literal("truth"),
  model: z.string(),
  device: z.string(),
  driver: z.string(),
  engine: z.string(),
  quantity: z.string(),
  seed: z.int(),
  layers: z.tuple([z.int(), z.int()]),
});
const batch = z.object({
  type: z.literal("batch"),
  batch: z.int(),
  kind: z.string(),
  activated_experts: z.int().nullable(),
  requests: z.array(z.tuple([z.int(), z.int()])),
});
const times = z.object({
  type: z.literal("times"),
  batch: z.int(),
  layers: z.int(),
  order: z.enum(["prefills_first", "decodes_first"]),
  layers_us: z.record(z.string(), z.array(z.number())),
  event_us: z.array(z.number()).nullable(),
  kernels: z.record(z.string(), z.record(z.string(), z.int())),
});
const failed = z.looseObject({ type: z.literal("failed"), message: z.string() });
const line = z.discriminatedUnion("type", [header, batch, times, failed]);

/** The first line. */
export type TruthHeader = z.infer<typeof header>;

/** One forward, in microseconds. */
export interface Forward {
  /** Decoder layers. */
  readonly layers: number;
  /** The whole: the median of the sums of all kernels. */
  readonly totalUs: number;
  /** Medians by layer of the catalogue, the calls of a forward added up. */
  readonly layersUs: Readonly<Record<string, number>>;
  /** The median from start to end on the device; null where there are no events. */
  readonly eventUs: number | null;
  /** How often a forward launched which kernel, by layer. */
  readonly kernels: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A batch that was fired with both numbers of layers. */
export interface TruthBatch {
  /** What kind of batch it is. */
  readonly kind: string;
  /** Whether its prefills or its decodes came first. */
  readonly order: "prefills_first" | "decodes_first";
  /** Experts that got tokens in every layer; null without experts. */
  readonly activatedExperts: number | null;
  /** [new tokens, history in tokens] of each request. */
  readonly requests: readonly (readonly [tokens: number, history: number])[];
  /** The forward through the fewer layers. */
  readonly few: Forward;
  /** The forward through the more layers. */
  readonly many: Forward;
}

/**
 * Reads a file of forwards.
 *
 * @param text Its text; a last line that was cut does not count.
 * @param path The file, for messages.
 * @returns The header, the batches of which both forwards are there, and why others failed.
 * @throws {UsageError} when a line is none of such a file.
 */
export function parseTruth(text: string, path: string): {
  readonly header: TruthHeader;
  readonly batches: readonly TruthBatch[];
  readonly failed: readonly string[];
} {
  const lines = readJsonLines(text, path, line);
  const [first] = lines;
  if (first.type !== "truth") {
    throw new UsageError(`Cannot read ${path}, line 1: it must be a header of forwards, got ${first.type}`);
  }
  const [few, many] = first.layers;
  const fired = lines.filter((row) => row.type === "times");
  const asked = new Map(lines.filter((row) => row.type === "batch").map((row) => [row.batch, row]));
  const batches = fired.filter(({ layers }) => layers === many).flatMap((deep) => {
    const flat = fired.find((row) =>
      row.layers === few && row.batch === deep.batch && row.order === deep.order
    );
    const what = asked.get(deep.batch);
    if (flat === undefined || what === undefined) return [];
    const { kind, activated_experts: activatedExperts, requests } = what;
    const both = { few: forward(flat), many: forward(deep) };
    return [{ kind, order: deep.order, activatedExperts, requests, ...both }];
  });
  const failures = lines.filter((row) => row.type === "failed").map(({ message }) => message);
  return { header: first, batches, failed: failures };
}

function forward({ layers, layers_us, event_us, kernels }: z.infer<typeof times>): Forward {
  const passes = Object.values(layers_us);
  const totals = passes[0]!.map((_, pass) => passes.reduce((sum, samples) => sum + samples[pass]!, 0));
  return {
    layers,
    totalUs: median(totals),
    layersUs: Object.fromEntries(
      Object.entries(layers_us).map(([layer, samples]) => [layer, median(samples)]),
    ),
    eventUs: event_us === null ? null : median(event_us),
    kernels,
  };
}
