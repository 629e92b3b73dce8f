/**
 * What scripts on devices have measured beside the bundles: the files of `perf/evidence`, each one JSON object.
 *
 * Errors are shares (0.01 is 1%); `p50`, `p90` and `p99` are percentiles of their sizes, `signed_p50` the median with
 * its sign.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";

const share = z.number();
const count = z.int().nonnegative();
const figures = { signed_p50: share, p50: share, p90: share, p99: share };
const apart = z.looseObject(figures);
const measured = { model: z.string(), hardware: z.string(), device: z.string() };

/** Shots timed both ways in one run, by `tests/bench/layerwise/compare.py`. */
const layerwise = z.looseObject({
  kind: z.literal("layerwise"),
  ...measured,
  tp: count,
  categories: z.array(z.looseObject({
    category: z.string(),
    shots: count,
    reference_ms: z.number(),
    ours_ms: z.number(),
    ours_shots: count,
    ...apart.partial().shape,
    classes: z.array(z.looseObject({ class: z.string(), times: count, ...figures })),
  })),
});

/** A part of a bundle's shots measured again, by `tests/bench/repeat/compare.ts`. */
const repeat = z.looseObject({
  kind: z.literal("repeat"),
  ...measured,
  categories: z.array(z.looseObject({ tp: count, category: z.string(), shots: count, ...figures })),
});

/** Whole forwards against the predictor's sums, by `tests/bench/truth/compare.ts`. */
const truth = z.looseObject({
  kind: z.literal("truth"),
  ...measured,
  groups: z.array(z.looseObject({
    name: z.string(),
    batches: count,
    per_layer: apart,
    whole: apart,
  })),
  by_layer: z.array(z.looseObject({ layer: z.string(), share, adds: share, ...apart.partial().shape })),
  uncovered_kernels: z.array(z.string()),
  explained: z.array(z.string()),
});

/** Ranks of a real tensor-parallel group against the emulated one, by `tests/bench/truth/compare_tensor_parallel.ts`. */
const tensorParallel = z.looseObject({
  kind: z.literal("tensor_parallel"),
  ...measured,
  tp: count,
  modules: z.array(
    z.looseObject({ module: z.string(), batches: count, ...figures, noise: apart.optional() }),
  ),
  communication: z.array(z.looseObject({ tokens: count, us: z.number() })),
});

/** One plan on one device and on two. */
const pool = z.looseObject({
  kind: z.literal("pool"),
  ...measured,
  devices: count,
  shots: count,
  one_s: z.number(),
  two_s: z.number(),
  attention: z.array(z.object({ shots: count, per_s: z.number() })).length(2).optional(),
});

/** What the worker does when it may stop early, on a device that is full and on one that fails, by
 * `tests/bench/device/trials.py`. */
const trials = z.looseObject({
  kind: z.literal("trials"),
  ...measured,
  sentences: z.array(z.string()),
});

/** Adaptive sweeps of published bundles, by `deno task bench:adaptive`. */
const adaptive = z.looseObject({
  kind: z.literal("adaptive"),
  seeds: count,
  attention: z.array(
    z.looseObject({ name: z.string(), share, p50: share, p90: share, p99: share, ms_per_shot: z.number() }),
  ),
  stops: z.array(z.looseObject({
    name: z.string(),
    error: share,
    runs: z.array(z.looseObject({ measured: count, p90: share })),
  })),
  priors: z.array(z.looseObject({
    name: z.string(),
    share,
    none: z.tuple([share, share, share]),
    device: z.tuple([share, share, share]).optional(),
    others: z.tuple([share, share, share]).optional(),
  })),
  skew: z.array(z.looseObject({
    name: z.string(),
    share,
    ms_per_shot: z.number(),
    full: z.tuple([share, share, share]),
    part: z.tuple([share, share, share]),
  })),
});

const stated = z.looseObject({
  estimated: count,
  rel_err_p50: share,
  rel_err_p90: share,
  rel_err_p99: share,
  upper_p90: share.nullable(),
});

/** One command for all that a simulator needs of a model, by `tests/bench/whole_job/ledger.ts`. */
const wholeJob = z.looseObject({
  kind: z.literal("whole_job"),
  ...measured,
  command: z.string(),
  missing: z.array(z.string()),
  parts: z.array(z.object({ part: z.string(), seconds: z.number() })),
  sweeps: z.array(
    z.object({
      ...{ tp: count, category: z.string(), shots: count, distinct: count.optional() },
      ...{ firing_s: z.number(), between_s: z.number() },
    }),
  ),
  degrees: z.array(z.object({ tp: count, attention: stated.optional(), skew: stated.optional() })),
  judged: z.array(z.object({ rows: z.enum(["all", "predicted", "measured"]), shots: count, ...figures })),
  at: z.iso.datetime().optional(),
  judged_at: z.iso.datetime().optional(),
});

/** What of a shot's time each idea takes away, by `tests/bench/device/shot_time.py`; times in milliseconds a shot. */
const shotTime = z.looseObject({
  kind: z.literal("shot-time"),
  ...measured,
  ideas: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        shots: count,
        ms_a_shot: z.number(),
        split_ms: z.record(z.string(), z.number()),
        busy_ms: z.number(),
        lost: z.number(),
        apart: z.record(z.string(), apart).optional(),
      }),
    ),
  ),
  /** Two ways in turns, shot by shot; the first is the base. */
  pairs: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({ shots: count, apart: z.record(z.string(), apart), other_kernels: z.number() }),
    ),
  ).optional(),
  /** The worker's own timer in two ways, chunk by chunk; the first is the base. */
  worker: z.record(
    z.string(),
    z.record(
      z.string(),
      z.record(
        z.string(),
        z.looseObject({
          shots: count,
          ms_a_shot: z.number(),
          fired_again: count,
          apart: z.record(z.string(), apart).optional(),
        }),
      ),
    ),
  ).optional(),
  conditions: z.looseObject({ layer_before: z.boolean().optional() }).optional(),
});

const file = z.discriminatedUnion("kind", [
  layerwise,
  repeat,
  truth,
  tensorParallel,
  pool,
  trials,
  adaptive,
  wholeJob,
  shotTime,
]);

/** A file of evidence. */
export type EvidenceFile = z.infer<typeof file>;
/** What a file may be about. */
export type Kind = EvidenceFile["kind"];
/** A file about one thing. */
export type EvidenceOf<K extends Kind> = Extract<EvidenceFile, { kind: K }>;

/**
 * Reads all files of evidence.
 *
 * @param dir Their folder, which need not exist.
 * @returns The files by name.
 * @throws {Error} when a file is none of evidence.
 */
export async function readEvidenceFiles(dir: string): Promise<EvidenceFile[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dir)) if (name.endsWith(".json")) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return await Promise.all(
    names.sort().map(async (name) => {
      const path = join(dir, name);
      const { data, error } = file.safeParse(JSON.parse(await Deno.readTextFile(path)));
      if (error) throw new Error(`Cannot read ${path}: ${z.prettifyError(error)}`);
      return data;
    }),
  );
}

/**
 * The files about one thing.
 *
 * @param files All files.
 * @param kind What they are about.
 * @returns Those, in their order.
 */
export function about<K extends Kind>(files: readonly EvidenceFile[], kind: K): EvidenceOf<K>[] {
  return files.filter((one): one is EvidenceOf<K> => one.kind === kind);
}
