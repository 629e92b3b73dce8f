// deno-lint-ignore-file no-console
/**
 * How far attention tables are from the truth when a part of their shots is measured, as a table.
 *
 * Bundle folders are the arguments, or stand in SHOTLAB_BUNDLES, separated by colons; each attention table of theirs
 * is the truth that shots are answered from.
 *
 * @module
 */
import { adaptAttention } from "../../src/adaptive/attention.ts";
import type { AttentionKernel } from "../../src/adaptive/layout.ts";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import { openBundle } from "../../src/bundle/open.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { CONFIG_DIR } from "../../src/config_dir.ts";
import { UsageError } from "../../src/errors.ts";
import { quantile } from "../../src/fit/errors.ts";
import { loadHardware } from "../../src/harness/hardware.ts";
import { sizesOf } from "../../src/harness/layer_work.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import type { AttentionShot } from "../../src/sweep/shot.ts";

const SEEDS = 5;
/** Shares of the shots, and what p50, p90 and p99 are to stay within. */
const GOALS = [[0.1, [0.015, 0.05, 0.15]], [0.2, [0.01, 0.03, 0.1]]] as const;
const LEVELS = [["p50", 0.5], ["p90", 0.9], ["p99", 0.99]] as const;
const MOST_MS = 3;

/** A table that was measured in full. */
interface Truth {
  readonly name: string;
  readonly kernel: AttentionKernel;
  readonly rows: readonly Row[];
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
    const name = `${hardware} ${id.split("/").at(-1)} tp${tp}`;
    return { name, kernel: { heads, kvHeads, multiprocessors }, rows: bundle.table(tp, "attention") };
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

async function run({ kernel, rows }: Truth, share: number, seed: number): Promise<Run> {
  const times = new Map(rows.map(({ key, timeUs }) => [key.join(), timeUs]));
  const timeOf = (key: readonly number[]): number => times.get(key.join())!;
  const begun = performance.now();
  const adapted = await adaptAttention(
    rows.map(shotOf),
    kernel,
    (shots) =>
      Promise.resolve(
        shots.map((shot) => timeOf([shot.prefill_chunk, shot.kv_prefill, shot.n_decode, shot.kv_decode])),
      ),
    { shots: share, seed },
  );
  const fired = adapted.rows.length - adapted.estimated.length;
  const msPerShot = (performance.now() - begun) / fired;
  const errors = errorsOf(adapted.rows.map(({ key, timeUs }) => timeUs / timeOf(key)));
  return { errors, thought: adapted.errors, msPerShot };
}

function errorsOf(ratios: readonly number[]): number[] {
  const sizes = Float64Array.from(ratios, (ratio) => Math.abs(ratio - 1)).sort();
  return LEVELS.map(([, level]) => quantile(sizes, level));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share: number): string {
  return (100 * share).toFixed(2).padStart(5);
}

const dirs = Deno.args.length > 0 ? Deno.args : Deno.env.get("SHOTLAB_BUNDLES")?.split(":") ?? [];
if (dirs.length === 0) {
  throw new UsageError("Cannot measure adaptive sweeps: name bundle folders, or set SHOTLAB_BUNDLES");
}
const begun = performance.now();
console.log(`\
Relative errors of all rows in %, measured rows exact: p50, p90, p99, mean of ${SEEDS} seeds (* above its target).
The bound is what each run says its own p50, p90 and p99 stay below. Milliseconds of choosing per measured shot.

${"table".padEnd(43)}  share  ${"p50    p90    p99".padEnd(21)}    bound holds  ms/shot`);
for (const truth of (await Promise.all(dirs.map(truthsOf))).flat()) {
  for (const [share, goals] of GOALS) {
    const runs: Run[] = [];
    for (let seed = 0; seed < SEEDS; seed++) runs.push(await run(truth, share, seed));
    const errors = goals.map((goal, at) => {
      const error = mean(runs.map((each) => each.errors[at]!));
      return percent(error) + (error > goal ? "*" : " ");
    });
    const held = LEVELS.map(([level], at) =>
      runs.filter(({ errors, thought }) => errors[at]! <= thought[level].upper).length
    );
    const ms = mean(runs.map(({ msPerShot }) => msPerShot));
    console.log([
      truth.name.padEnd(43),
      `${(100 * share).toFixed(0)}%`.padStart(5),
      errors.join(" ").padStart(21),
      held.map((runs) => `${runs}/${SEEDS}`).join(" ").padStart(13),
      `${ms.toFixed(2)}${ms > MOST_MS ? "*" : " "}`.padStart(8),
    ].join("  "));
  }
}
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s`);
