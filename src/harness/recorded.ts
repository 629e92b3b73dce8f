/**
 * What a recorded bundle says about the engine that it was measured with.
 *
 * @module
 */
import { compareKeys } from "../compare.ts";
import type { Bundle, WholeBundle } from "../bundle/open.ts";
import type { Row } from "../bundle/tables.ts";
import { moeParameters, textConfig } from "../model/config.ts";
import type { Limits } from "../shots/limits.ts";
import { DECODE_HISTORY } from "../shots/linear_shots.ts";
import { type Category, SKEW_KEY } from "../shots/shot.ts";
import type { SkewPart } from "../shots/skew_parts.ts";
import type { BootRequest } from "./harness.ts";

/** vLLM's usual KV block on a GPU, for bundles that do not say. */
const USUAL_BLOCK = 16;

/** The times of a category. */
export interface RecordedTimes {
  /** The layers of the catalogue that have rows. */
  readonly layers: readonly string[];
  /** Microseconds of a key, by layer; nothing of a layer that has no such row. */
  readonly times: (key: readonly number[]) => Record<string, number>;
}

/**
 * The rows of a category under the layer names that a boot asks for.
 *
 * @param bundle The bundle.
 * @param request The boot: its degree (experts are recorded at 1 only) and its catalogue, whose first entry names
 * the rows of attention and moe.
 * @param category The category.
 * @returns The times.
 */
export function recordedTimes(
  bundle: Pick<WholeBundle, "shots">,
  request: BootRequest,
  category: Category,
): RecordedTimes {
  const names = Object.keys(request.architecture.catalog[category] ?? {});
  const rows = bundle.shots(category === "moe" ? 1 : request.tp, category)
    .toSorted((a, b) => compareKeys(a.key, b.key));
  const sorted = Map.groupBy(rows, ({ layer }) => layer ?? names[0]);
  const layers = names.filter((name) => sorted.has(name));
  return {
    layers,
    times: (key) =>
      Object.fromEntries(layers.flatMap((name) => {
        const row = rowOf(sorted.get(name)!, key);
        return row === undefined ? [] : [[name, row.timeUs]];
      })),
  };
}

/** The row of a key among a layer's, which are sorted by key. */
function rowOf(rows: readonly Row[], key: readonly number[]): Row | undefined {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(rows[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  const row = rows[low];
  return row !== undefined && compareKeys(row.key, key) === 0 ? row : undefined;
}

/**
 * The times of the skew cases.
 *
 * @param bundle The bundle.
 * @param tp The boot's degree.
 * @returns Microseconds by part, by the key's values joined with commas.
 */
export function recordedSkew(
  bundle: Bundle,
  tp: number,
): ReadonlyMap<string, Readonly<Record<SkewPart, number>>> {
  return new Map(
    bundle.skew(tp).map((row) => [
      SKEW_KEY.map((column) => row[column]).join(),
      { t_mean: row.t_mean_us, t_max: row.t_max_us, t_skew: row.t_skew_us },
    ]),
  );
}

/**
 * Limits that let every recorded shot be planned.
 *
 * @param bundle The bundle; its pool where it records one, else what its largest shot takes.
 * @param request The boot: the batch that it asks for is granted.
 * @returns The limits.
 */
export function recordedLimits(bundle: Bundle, request: BootRequest): Limits {
  const moe = moeParameters(request.config);
  const positions = textConfig(request.config).max_position_embeddings;
  return {
    max_num_batched_tokens: request.max_num_batched_tokens,
    max_num_seqs: request.max_num_seqs,
    num_cache_tokens: recordedBlocks(bundle) * blockSize(bundle),
    max_model_len: typeof positions === "number" ? positions : largestShot(bundle).longest + 2,
    num_experts: moe?.numExperts ?? null,
    top_k: moe?.topK ?? null,
    block_size: blockSize(bundle),
  };
}

/**
 * Blocks of the KV pool.
 *
 * @param bundle The bundle; where it records none, its largest shot decides.
 * @returns Their number.
 */
export function recordedBlocks(bundle: Bundle): number {
  return bundle.meta.num_gpu_blocks ?? largestShot(bundle).blocks;
}

function blockSize({ meta }: Bundle): number {
  const size = meta.kv_block_size ?? meta.engine_effective?.["block_size"];
  return typeof size === "number" ? size : USUAL_BLOCK;
}

/** KV blocks of the largest recorded batch and tokens of the longest recorded request. */
function largestShot(bundle: Bundle): { blocks: number; longest: number } {
  const size = blockSize(bundle);
  let blocks = 1;
  let longest = 1;
  const see = (requests: readonly (readonly [tokens: number, count: number])[]): void => {
    blocks = Math.max(
      blocks,
      requests.reduce((sum, [tokens, count]) => sum + count * Math.ceil(tokens / size), 0),
    );
    for (const [tokens] of requests) longest = Math.max(longest, tokens);
  };
  for (const tp of bundle.tps) {
    for (const { key: [tokens] } of bundle.table(tp, "dense")) see([[tokens!, 1]]);
    for (const { key: [tokens, decodes] } of bundle.table(tp, "linear_attention")) {
      see([[tokens!, 1], [1 + DECODE_HISTORY, decodes!]]);
    }
    for (const { key: [tokens] } of bundle.table(tp, "moe")) see([[tokens!, 1]]);
    for (const { key: [sequences] } of bundle.table(tp, "per_sequence")) see([[1, sequences!]]);
    for (const { key: [chunk, kvPrefill, decodes, kvDecode] } of bundle.table(tp, "attention")) {
      see([[chunk! + kvPrefill!, 1], [1 + kvDecode!, decodes!]]);
    }
    for (const { n, nb, pc, kp, kvs, kv_big } of bundle.skew(tp)) {
      see([[pc + kp, 1], [1 + kv_big, nb], [1 + kvs, n - nb]]);
    }
  }
  return { blocks, longest };
}
