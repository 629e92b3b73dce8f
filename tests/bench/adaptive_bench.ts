// deno-lint-ignore-file no-console
/**
 * How far bundles are from the truth when a part of their shots is measured, as tables.
 *
 * Bundle folders are the arguments, or stand in SHOTLAB_BUNDLES, separated by colons; their tables are the truth that
 * shots are answered from. `--json=<file>` writes what `docs/benchmarks.md` shows of it.
 *
 * @module
 */
import { adaptAttention, type AdaptOptions } from "../../src/adaptive/attention.ts";
import type { AttentionKernel } from "../../src/adaptive/layout.ts";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import { adaptSkew } from "../../src/adaptive/skew.ts";
import { roundDecimals } from "../../src/bundle/format.ts";
import { openBundle } from "../../src/bundle/open.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { writeAtomic } from "../../src/bundle/write.ts";
import { CONFIG_DIR } from "../../src/config_dir.ts";
import { UsageError } from "../../src/errors.ts";
import { type Ends, interpolatedEnds } from "../../src/fit/ends.ts";
import { quantile } from "../../src/fit/errors.ts";
import { relativeErrors } from "../../src/fit/model.ts";
import { shrinkageProblem } from "../../src/fit/problem.ts";
import { randomFolds } from "../../src/fit/random_folds.ts";
import { loadHardware } from "../../src/harness/hardware.ts";
import { sizesOf } from "../../src/harness/sizes.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import { makeAttentionTable } from "../../src/predict/attention.ts";
import { type AttentionShot, shotKey } from "../../src/sweep/shot.ts";

const SEEDS = 5;
/** Shares of the attention shots, and what p50, p90 and p99 are to stay within. */
const GOALS = [[0.1, [0.015, 0.05, 0.15]], [0.2, [0.01, 0.03, 0.1]]] as const;
const LEVELS = ["p50", "p90", "p99"] as const;
const QUANTILES = [0.5, 0.9, 0.99];
/** Milliseconds that choosing a shot may take. */
const MOST_MS = 3;
/** Attention shots with which priors are tried. */
const PRIOR_SHARE = 0.05;
const PRIOR_SEEDS = 3;
/** The share of all skew cases that is measured, and parts of which one is never measured but judged. */
const SKEW_SHARE = 0.2;
const SKEW_PARTS = 5;
/** How much worse than a full sweep's an adaptive sweep's alphas may be. */
const SKEW_LOSS = 1.05;

/** The tables of one degree that were measured in full. */
interface Truth {
  readonly name: string;
  readonly kernel: AttentionKernel;
  readonly attention: readonly Row[];
  readonly skew: readonly SkewRow[];
}

async function truthsOf(dir: string): Promise<Truth[]> {
  const bundle = await openBundle(dir);
  const { model: id, hardware } = bundle.meta;
  if (id === undefined || hardware === undefined) {
    throw new UsageError(`Cannot use ${dir}: its meta.yaml must name model and hardware`);
  }
  const [{ config }, { multiprocessors }] = await Promise.all([
    loadModel(id),
    loadHardware(hardware, CONFIG_DIR),
  ]);
  return bundle.tps.map((tp) => {
    const { heads, kvHeads } = sizesOf(shardConfig(config, tp), 2, 2);
    return {
      name: `${hardware} ${id.split("/").at(-1)} tp${tp}`,
      kernel: { heads, kvHeads, multiprocessors },
      attention: bundle.table(tp, "attention"),
      skew: bundle.skew(tp),
    };
  });
}

function shotOf({ key: [chunk = 0, history = 0, decodes = 0, kv = 0] }: Row): AttentionShot {
  return {
    category: "attention",
    tp: 1,
    prefill_chunk: chunk,
    kv_prefill: history,
    n_decode: decodes,
    kv_decode: kv,
  };
}

/** One run: its errors, what it thought they were, and milliseconds of choosing per shot. */
interface Run {
  readonly errors: readonly number[];
  readonly thought: TableErrors;
  readonly msPerShot: number;
}

async function runAttention({ kernel, attention }: Truth, options: AdaptOptions): Promise<Run> {
  const times = new Map(attention.map(({ key, timeUs }) => [key.join(), timeUs]));
  const begun = performance.now();
  const { rows, estimated, errors } = await adaptAttention(
    attention.map(shotOf),
    kernel,
    (shots) => Promise.resolve(shots.map((shot) => times.get(shotKey(shot).join())!)),
    options,
  );
  const msPerShot = (performance.now() - begun) / (rows.length - estimated.length);
  const ratios = Float64Array.from(rows, ({ key, timeUs }) => timeUs / times.get(key.join())! - 1);
  return { errors: quantilesOf(ratios), thought: errors, msPerShot };
}

function quantilesOf(errors: Float64Array): number[] {
  const sizes = errors.filter((error) => !Number.isNaN(error)).map(Math.abs).sort();
  return QUANTILES.map((level) => quantile(sizes, level));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanErrors(runs: readonly Run[]): number[] {
  return QUANTILES.map((_, at) => meanOf(runs.map(({ errors }) => errors[at]!)));
}

function percentages(errors: readonly number[], limits?: readonly number[]): string {
  return errors.map((error, at) =>
    (100 * error).toFixed(2).padStart(5) + (limits !== undefined && error > limits[at]! ? "*" : " ")
  ).join(" ");
}

function print(name: string, ...cells: readonly string[]): void {
  console.log([name.padEnd(43), ...cells].join("  "));
}

async function attentionTable(truths: readonly Truth[]): Promise<object[]> {
  const found: object[] = [];
  console.log(`\
Attention: relative errors of all rows in %, measured rows exact; p50, p90, p99, mean of ${SEEDS} seeds (* above the
target). The bound is what each run says its own p50, p90 and p99 stay below. Milliseconds of choosing per measured shot.
`);
  for (const truth of truths) {
    for (const [shots, goals] of GOALS) {
      const runs: Run[] = [];
      for (let seed = 0; seed < SEEDS; seed++) runs.push(await runAttention(truth, { shots, seed }));
      const held = LEVELS.map((level, at) =>
        runs.filter(({ errors, thought }) => errors[at]! <= thought[level].upper).length
      );
      const ms = meanOf(runs.map(({ msPerShot }) => msPerShot));
      const errors = meanErrors(runs);
      print(
        truth.name,
        `${100 * shots}%`.padStart(4),
        percentages(errors, goals),
        `bound holds ${held.map((runs) => `${runs}/${SEEDS}`).join(" ")}`,
        `${ms.toFixed(2)} ms${ms > MOST_MS ? "*" : ""}`,
      );
      const [p50, p90, p99] = errors.map(rounded);
      found.push({ name: truth.name, share: shots, p50, p90, p99, ms_per_shot: rounded(ms) });
    }
  }
  return found;
}

function rounded(value: number): number {
  return roundDecimals(value, 5);
}

async function priorTable(truths: readonly Truth[]): Promise<void> {
  console.log(`
Priors: the same at ${
    100 * PRIOR_SHARE
  }% of the shots, mean of ${PRIOR_SEEDS} seeds; without a prior, with the table in \
the line above as prior,
and with the table's own times shuffled as prior.
`);
  for (const [i, truth] of truths.entries()) {
    const { attention } = truth;
    const nonsense = attention.map((row, at) => ({
      ...row,
      timeUs: attention[at * 7919 % attention.length]!.timeUs,
    }));
    const options = [{}, { prior: truths.at(i - 1)!.attention }, { prior: nonsense }];
    const cells: string[] = [];
    for (const prior of options) {
      const runs: Run[] = [];
      for (let seed = 0; seed < PRIOR_SEEDS; seed++) {
        runs.push(await runAttention(truth, { shots: PRIOR_SHARE, seed, ...prior }));
      }
      cells.push(percentages(meanErrors(runs)));
    }
    print(truth.name, ...cells);
  }
}

async function skewTable(truths: readonly Truth[]): Promise<object[]> {
  const found: object[] = [];
  console.log(`
Skew: relative errors in % of what a simulator predicts for one case in ${SKEW_PARTS}, by alphas fitted to the other cases:
all of them measured; ${
    100 * SKEW_SHARE
  }% of all cases measured and the rest predicted (* above ${SKEW_LOSS} times the first).
`);
  for (const { name, kernel, attention, skew } of truths) {
    const ends = interpolatedEnds(skew, makeAttentionTable(attention)!);
    const part = randomFolds(skew.length, SKEW_PARTS, 1);
    const seen = Array.from(skew.keys()).filter((i) => part[i] !== 0);
    const times = new Map(seen.map((i) => [skew[i]!, ends.skew[i]!]));
    const { measured, predicted } = await adaptSkew(
      seen.map((i) => skew[i]!),
      attention,
      kernel,
      (cases) => Promise.resolve(cases.map((each) => times.get(each)!)),
      { shots: SKEW_SHARE * skew.length / seen.length },
    );
    const completed = new Map([...measured, ...predicted].map((row) => [caseKey(row), row.t_skew_us]));
    const guessed = { ...ends, skew: ends.skew.map((time, i) => completed.get(caseKey(skew[i]!)) ?? time) };
    const errorsWith = (known: Ends): number[] => {
      const { fitter, usable, cases } = shrinkageProblem(skew, known)!;
      const model = fitter((i) => part[i] !== 0 && usable(i));
      return quantilesOf(relativeErrors(model, cases, ends, (i) => part[i] === 0));
    };
    const full = errorsWith(ends);
    const partly = errorsWith(guessed);
    print(name, percentages(full), percentages(partly, full.map((error) => SKEW_LOSS * error)));
    found.push({ name, share: SKEW_SHARE, full: full.map(rounded), part: partly.map(rounded) });
  }
  return found;
}

function caseKey({ n, nb, pc, kp, kvs, kv_big }: SkewRow): string {
  return [n, nb, pc, kp, kvs, kv_big].join();
}

const named = Deno.args.filter((arg) => !arg.startsWith("--json="));
const json = Deno.args.find((arg) => arg.startsWith("--json="))?.slice("--json=".length);
const dirs = named.length > 0 ? named : Deno.env.get("SHOTLAB_BUNDLES")?.split(":") ?? [];
if (dirs.length === 0) {
  throw new UsageError("Cannot measure adaptive sweeps: name bundle folders, or set SHOTLAB_BUNDLES");
}
const begun = performance.now();
const truths = (await Promise.all(dirs.map(truthsOf))).flat();
const attention = await attentionTable(truths);
await priorTable(truths);
const skew = await skewTable(truths.filter(({ skew }) => skew.length > 0));
console.log(`\n${((performance.now() - begun) / 1000).toFixed(0)} s`);
if (json !== undefined) {
  await writeAtomic(
    json,
    `${JSON.stringify({ kind: "adaptive", seeds: SEEDS, attention, skew }, null, 1)}\n`,
  );
}
