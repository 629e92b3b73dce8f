/**
 * Made-up bundles as large as measured ones.
 *
 * @module
 */
import { tablePath } from "../../src/bundle/layout.ts";
import { formatMeta } from "../../src/bundle/meta.ts";
import { formatTable, type Row } from "../../src/bundle/tables.ts";
import { CATEGORY_ORDER } from "../../src/shots/shot.ts";

/** How many rows each file of a made-up bundle has; a file of none is left out. */
export interface BundleSize {
  /** Tensor-parallel degrees. */
  readonly tps: readonly number[];
  /** Rows of attention.csv. */
  readonly attention: number;
  /** Rows of dense.csv. */
  readonly dense: number;
  /** Rows of per_sequence.csv. */
  readonly perSequence: number;
  /** Rows of skew.csv. */
  readonly skew: number;
  /** Rows of skew_fit.csv. */
  readonly skewFit: number;
}

/** The size of the largest published bundle. */
export const LARGEST: BundleSize = {
  tps: [1, 2],
  attention: 19_364,
  dense: 1_500,
  perSequence: 200,
  skew: 13_009,
  skewFit: 3_983,
};

/**
 * Writes a bundle.
 *
 * @param dir The bundle's folder, made when it is not there.
 * @param size How many rows each file has.
 */
export async function writeSyntheticBundle(dir: string, size: BundleSize): Promise<void> {
  const rows: Readonly<Record<typeof CATEGORY_ORDER[number], readonly Row[]>> = {
    dense: layeredRows(["embedding", "qkv_proj", "o_proj", "gate_up_proj", "down_proj"], size.dense),
    per_sequence: layeredRows(["lm_head", "sampler"], size.perSequence),
    attention: attentionRows(size.attention),
    linear_attention: [],
    moe: [],
  };
  await Deno.mkdir(dir, { recursive: true });
  const meta = { vllm_version: "0.19.0", gpu: "Synthetic", hardware: "SYNTHETIC", tp_degrees: size.tps };
  await Deno.writeTextFile(`${dir}/meta.yaml`, formatMeta(meta));
  for (const tp of size.tps) {
    await Deno.mkdir(`${dir}/tp${tp}`, { recursive: true });
    for (const category of CATEGORY_ORDER) {
      if (rows[category].length === 0) continue;
      await Deno.writeTextFile(tablePath(dir, tp, category), formatTable(category, rows[category]));
    }
    if (size.skew > 0) await Deno.writeTextFile(tablePath(dir, tp, "skew"), skewText(size.skew));
    if (size.skewFit > 0) await Deno.writeTextFile(tablePath(dir, tp, "skew_fit"), skewFitText(size.skewFit));
  }
}

/**
 * Rows of an attention table, each with a key of its own.
 *
 * @param count How many.
 * @returns The rows: decodes beside chunks of 0 tokens and more.
 */
export function attentionRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    layer: null,
    key: [16 * Math.floor(i / 10_000), 0, 1 + i % 100, 16 + 16 * (Math.floor(i / 100) % 100)],
    timeUs: time(i),
  }));
}

function layeredRows(layers: readonly string[], count: number): Row[] {
  const each = Math.floor(count / layers.length);
  return layers.flatMap((layer) =>
    Array.from({ length: each }, (_, i) => ({ layer, key: [i + 1], timeUs: time(i) }))
  );
}

function skewText(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const n = 2 + i % 250;
    const kvs = 128 * (1 + Math.floor(i / 250));
    return `pure,${n},1,${(1 / n).toFixed(4)},4.0,0,0,${kvs},${4 * kvs},${
      kvs + 7
    },46.497,50.143,47.297,0.2194`;
  });
  const header = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha";
  return [header, ...lines, ""].join("\n");
}

function skewFitText(count: number): string {
  const lines = Array.from(
    { length: count },
    (_, i) => `${16 * Math.floor(i / 100)},n<=${1 + i % 100},sr<=15%,kvB<=16k,kp=0,0.0328,4`,
  );
  return ["pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples", ...lines, ""].join("\n");
}

/** A time of six digits, in microseconds. */
function time(i: number): number {
  return 10 + (i * 7919 % 100_000) / 1000;
}
