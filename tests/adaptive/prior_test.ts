import assert from "node:assert/strict";
import { type PriorTable, priorTimes } from "../../src/adaptive/prior.ts";
import { adaptSkew } from "../../src/adaptive/skew.ts";
import { quantile } from "../../src/stats.ts";
import { type AttentionShot, shotKey } from "../../src/shots/shot.ts";
import { makeTables } from "../fit/made_up_kernel.ts";

const KERNEL = { heads: 32, kvHeads: 8, multiprocessors: 132 };
const shots = Array.from({ length: 400 }, (_, i): AttentionShot => ({
  ...{ category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0 },
  ...{ n_decode: 1 + i % 20, kv_decode: 128 * (1 + Math.trunc(i / 20)) },
}));
/** Microseconds of decodes: what KV heads read, and a start. */
const timeUs = ({ n_decode, kv_decode }: AttentionShot, kvHeads: number, scale = 1): number =>
  scale * (5 + kvHeads * n_decode * kv_decode / 20_000);
const tableOf = (kernel: PriorTable["kernel"], scale: number): PriorTable => ({
  kernel,
  rows: shots.map((shot) => ({
    layer: null,
    key: shotKey(shot),
    timeUs: timeUs(shot, kernel.kvHeads, scale),
  })),
});
const scaleOf = (tables: readonly PriorTable[]): number => {
  const [times, ...others] = priorTimes(shots, KERNEL, tables);
  assert.deepEqual(others, []);
  const ratios = Array.from(shots, (shot, i) => Math.exp(times![i]!) / timeUs(shot, KERNEL.kvHeads));
  return Number(quantile(Float64Array.from(ratios).sort(), 0.5).toFixed(2));
};

const OTHER = { ...KERNEL, multiprocessors: 108 };
const WIDER = { ...KERNEL, heads: 64, kvHeads: 16 };
const CASES: Record<string, [tables: PriorTable[], scale: number]> = {
  "the last with the same heads": [[tableOf(KERNEL, 2), tableOf(KERNEL, 3), tableOf(WIDER, 7)], 3],
  "one of the same device before a later one of another": [[tableOf(KERNEL, 2), tableOf(OTHER, 5)], 2],
  "one of another device where none is of the same": [[tableOf(WIDER, 2), tableOf(OTHER, 5)], 5],
  "a larger one before a later one": [
    [tableOf(KERNEL, 2), { kernel: KERNEL, rows: tableOf(KERNEL, 3).rows.slice(0, 200) }],
    2,
  ],
  "one without rows does not count": [[tableOf(KERNEL, 2), { kernel: KERNEL, rows: [] }], 2],
};
for (const [what, [tables, scale]] of Object.entries(CASES)) {
  Deno.test(`priorTimes: ${what}`, () => assert.equal(scaleOf(tables), scale));
}

Deno.test("priorTimes: nothing to lean on", () => {
  assert.deepEqual(priorTimes(shots, KERNEL, []), []);
  assert.deepEqual(priorTimes(shots, KERNEL, [{ kernel: KERNEL, rows: [] }]), []);
});

Deno.test("priorTimes: learns from tables with other heads how times follow the layout", () => {
  const tables = [4, 16].map((kvHeads) => tableOf({ ...KERNEL, heads: 4 * kvHeads, kvHeads }, 1));
  const [last, times] = priorTimes(shots, KERNEL, tables);
  assert.equal(Math.exp(last![0]!).toFixed(3), "5.102");
  const errors = Float64Array.from(shots, (shot, i) => Math.abs(Math.exp(times![i]!) / timeUs(shot, 8) - 1));
  assert.ok(quantile(errors.sort(), 0.9) < 0.05, `${quantile(errors, 0.9)}`);
});

Deno.test("adaptSkew: leans on the skew cases of another table, and says what that gained", async () => {
  const { attention, skew } = makeTables({ maxNumBatchedTokens: 128, maxNumSeqs: 16, attentionMaxKv: 2048 });
  const slower = (rows: typeof skew): typeof skew =>
    rows.map((row) => ({ ...row, t_skew_us: 1.2 * row.t_skew_us }));
  const measure = (cases: readonly { t_skew_us: number }[]): Promise<number[]> =>
    Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us));
  const options = { shots: 100 / skew.length, seed: 1 };
  const alone = await adaptSkew(skew, attention, KERNEL, measure, options);
  assert.equal(alone.prior, null);
  const prior = [{ rows: attention, skew: slower(skew), kernel: KERNEL }];
  const { prior: gained, errors } = await adaptSkew(skew, attention, KERNEL, measure, { ...options, prior });
  assert.equal(gained?.with, errors.p90.estimate);
  assert.ok(gained!.with < 0.5 * gained!.without, JSON.stringify(gained));
  const bare = [{ rows: attention, kernel: KERNEL }];
  const { prior: none } = await adaptSkew(skew, attention, KERNEL, measure, { ...options, prior: bare });
  assert.equal(none, null);
});
