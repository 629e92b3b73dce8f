// deno-lint-ignore-file no-console
/**
 * What predictions and fits cost on tables of the default sweep, as a table.
 *
 * @module
 */
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { median } from "../../src/stats.ts";
import { runScript } from "../../tasks/script.ts";
import { DEFAULT_EXTENT, makeTables } from "../fit/made_up_kernel.ts";

const REPEATS = 15;
const QUERIES = 4096;
/** Milliseconds of the median run and of the fastest, which says what the work itself costs on a busy machine. */
function timed(action: () => unknown): { median: number; best: number } {
  const times = Array.from({ length: REPEATS }, () => {
    const begun = performance.now();
    action();
    return performance.now() - begun;
  });
  return { median: median(times), best: Math.min(...times) };
}

function perSecond(ask: () => void): number {
  return QUERIES / timed(ask).best * 1000;
}

await runScript({ usage: "predict_bench.ts" }, () => {
  const { attention, skew } = makeTables(DEFAULT_EXTENT);
  const rowsByTp = new Map([[1, skew]]);
  const attentionByTp = new Map([[1, attention]]);
  const { block, tables } = fitSkew({ method: "shrinkage", rowsByTp, attentionByTp });
  const predict = predictor({
    tps: [1],
    meta: { skew_fit: block },
    table: (_, category) => category === "attention" ? attention : [],
    skewFit: (tp) => tables.get(tp) ?? [],
  });

  const shots = Array.from({ length: QUERIES }, (_, i) => ({
    chunk: i % 2048,
    kvPrefill: (i * 37) % 8192,
    nDecode: i % 255,
    kvDecode: (i * 101) % 16_384,
  }));
  const batches = Array.from({ length: QUERIES }, (_, i) => ({
    prefills: i % 4 === 0 ? [] : [{ chunk: 2 + (i * 13) % 2000, history: (i * 37) % 8192 }],
    decodes: Array.from(
      { length: 1 + i % 32 },
      (_, j) => ({ kv: 16 + (i * 101 + j * 977) % 16_000, count: 1 }),
    ),
  }));

  let sum = 0;
  const attentionRate = perSecond(() => {
    for (const shot of shots) sum += predict.attention(1, shot);
  });
  const batchRate = perSecond(() => {
    for (const batch of batches) sum += predict.batch(1, batch);
  });
  const newer = predictor({
    tps: [1],
    meta: {},
    table: (_, category) => category === "attention" ? attention : [],
    skewFit: () => [],
  }, { simulator: "v1.2" });
  const places = shots.map((shot) => ({
    ...shot,
    prefillKey: shot.chunk === 0 ? 0 : shot.kvPrefill + shot.chunk / 2,
  }));
  const newerRate = perSecond(() => {
    for (const place of places) sum += newer.kernelAttention(1, place);
  });
  const reference = timed(() => fitSkew({ method: "reference", rowsByTp }));
  const shrinkage = timed(() => fitSkew({ method: "shrinkage", rowsByTp, attentionByTp }));
  if (!(sum > 0)) throw new Error("Cannot time lookups: they gave no times");

  const lines: readonly (readonly [what: string, value: string, bound: string])[] = [
    [
      `attention lookups, table of ${attention.length} rows`,
      `${Math.round(attentionRate)} /s`,
      "at least 1000000 /s",
    ],
    [
      `attention lookups of v1.2, table of ${attention.length} rows`,
      `${Math.round(newerRate)} /s`,
      "at least 1000000 /s",
    ],
    ["batches of 1 to 32 KV lengths", `${Math.round(batchRate)} /s`, "at least 200000 /s"],
    [`reference fit, ${skew.length} cases, median`, `${reference.median.toFixed(1)} ms`, ""],
    [
      `reference fit, ${skew.length} cases, best of ${REPEATS}`,
      `${reference.best.toFixed(1)} ms`,
      "at most 30 ms",
    ],
    [`shrinkage fit and errors, ${skew.length} cases, median`, `${shrinkage.median.toFixed(1)} ms`, ""],
    [
      `shrinkage fit and errors, ${skew.length} cases, best of ${REPEATS}`,
      `${shrinkage.best.toFixed(1)} ms`,
      "at most 100 ms",
    ],
  ];
  for (const [what, value, bound] of lines) console.log(`${what.padEnd(52)}${value.padStart(14)}   ${bound}`);
});
