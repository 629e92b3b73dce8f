// deno-lint-ignore-file no-console
/**
 * How far bundles are from the truth when a part of their shots is measured, as tables.
 *
 * Bundle folders are the arguments; without any, those of SHOTLAB_BUNDLES, separated by colons, and of perf/. Their
 * tables are the truth that shots are answered from. `--json=<file>` writes what `docs/benchmarks.md` shows of it.
 *
 * @module
 */
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { roundDecimals } from "../../src/number_format.ts";
import { writeAtomic } from "../../src/files/write.ts";
import { listFiles } from "../../src/model/list_files.ts";
import { runScript } from "../../tasks/script.ts";
import { sideBySide } from "./adaptive/side_by_side.ts";
import { type Outcome, priorOf, type Trial } from "./adaptive/trials.ts";
import { openTruths } from "./adaptive/truth.ts";

const PERF = fileURLToPath(new URL("../../perf", import.meta.url));
const SEEDS = 5;
/** Shares of the attention shots, and what p50, p90 and p99 are to stay within. */
const GOALS: readonly (readonly [shots: number, limits: readonly number[]])[] = [
  [0.1, [0.015, 0.05, 0.15]],
  [0.2, [0.01, 0.03, 0.1]],
];
/** Milliseconds that choosing a shot may take. */
const MOST_MS = 3;
/** The error that 90% of the rows are to stay within where it ends the rounds. */
const ERROR = 0.05;
/** The share of the attention shots with which priors are tried. */
const PRIOR_SHARE = 0.03;
const PRIORS = ["none", "device", "others", "nonsense"] as const;
/** Seeds of priors and errors. */
const FEW_SEEDS = 3;
/** How much larger a bad prior may make the errors: 5% more shots make up for that much. */
const PRIOR_LOSS = 1.03;
/** The share of all skew cases that is measured. */
const SKEW_SHARE = 0.2;
/** How much worse than a full sweep's an adaptive sweep's alphas may be. */
const SKEW_LOSS = 1.05;
/** Cases that a share of which is large enough to predict the others from. */
const SKEW_CASES = 1000;

/** What is tried, by the tables that show it. */
interface Tables {
  /** Names of the truths. */
  readonly names: readonly string[];
  /** Trials of each line. */
  readonly lines: {
    readonly attention: readonly (readonly Trial[])[];
    readonly stops: readonly (readonly Trial[])[];
    readonly priors: readonly (readonly (readonly Trial[])[])[];
    readonly skew: readonly (readonly Trial[])[];
  };
  /** How a line's trials went. */
  readonly triedOf: (line: readonly Trial[]) => Promise<Outcome[]>;
}

async function knownBundles(): Promise<string[]> {
  const own = await listFiles(PERF, "meta.yaml");
  const others = Deno.env.get("SHOTLAB_BUNDLES")?.split(":") ?? [];
  return [...others, ...own.map((bundle) => dirname(join(PERF, `${bundle}meta.yaml`)))];
}

function seeded(trial: Omit<Trial, "seed">, seeds: number = SEEDS): Trial[] {
  return Array.from({ length: seeds }, (_, seed) => ({ ...trial, seed }));
}

function meanOf(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.map((_, at) => rows.reduce((sum, row) => sum + row[at]!, 0) / rows.length);
}

function percentages(errors: readonly number[], limits?: readonly number[]): string {
  return errors.map((error, at) =>
    (100 * error).toFixed(2).padStart(5) + (limits !== undefined && error > limits[at]! ? "*" : " ")
  ).join(" ");
}

function milliseconds(tried: readonly Outcome[]): [ms: number, text: string] {
  const [ms] = meanOf(tried.map(({ msPerShot }) => [msPerShot])) as [number];
  return [rounded(ms), `${ms.toFixed(2)} ms${ms > MOST_MS ? "*" : ""}`];
}

function rounded(value: number): number {
  return roundDecimals(value, 5);
}

function print(name: string, ...cells: readonly string[]): void {
  console.log([name.padEnd(43), ...cells].join("  "));
}

async function attentionTable({ names, lines, triedOf }: Tables): Promise<object[]> {
  console.log(`\
Attention: relative errors of all rows in %, measured rows exact; p50, p90, p99, mean of ${SEEDS} seeds (* above the
target). The bound is what each run says its own p50, p90 and p99 stay below. Milliseconds of choosing per measured shot. Predicted rows within their own expected error, by seed.
`);
  const found: object[] = [];
  for (const [i, line] of lines.attention.entries()) {
    const { table, shots } = line[0]!;
    const tried = await triedOf(line);
    const errors = meanOf(tried.map((each) => each.errors));
    const held = errors.map((_, at) =>
      tried.filter(({ errors, beside }) => errors[at]! <= beside[at]!).length
    );
    const [ms, text] = milliseconds(tried);
    print(
      names[table]!,
      `${100 * shots!}%`.padStart(4),
      percentages(errors, GOALS[i % GOALS.length]![1]),
      `bound holds ${held.map((runs) => `${runs}/${SEEDS}`).join(" ")}`,
      text,
      `${percentages(tried.map(({ inside }) => inside!))}inside`,
    );
    const [p50, p90, p99] = errors.map(rounded);
    found.push({ name: names[table], share: shots, p50, p90, p99, ms_per_shot: ms });
  }
  return found;
}

async function stopTable({ names, lines, triedOf }: Tables): Promise<object[]> {
  console.log(`
Stopped by an error of ${
    100 * ERROR
  }%: shots that were measured, and the true error that 90% of all rows stay \
within, by seed (* above it).
`);
  const found: object[] = [];
  for (const line of lines.stops) {
    const name = names[line[0]!.table]!;
    const runs = (await triedOf(line)).map(({ measured, errors: [, p90] }) => ({
      measured,
      p90: rounded(p90),
    }));
    const texts = runs.map(({ measured, p90 }) =>
      `${measured} ${(100 * p90).toFixed(2)}${p90 > ERROR ? "*" : " "}`
    );
    print(name, ...texts);
    found.push({ name, error: ERROR, runs });
  }
  return found;
}

async function priorTable({ names, lines, triedOf }: Tables): Promise<object[]> {
  console.log(`
Priors: the same at ${
    100 * PRIOR_SHARE
  }% of the shots, mean of ${FEW_SEEDS} seeds; without a prior, with the other models of the device, \
with other devices, and
with its own times shuffled (* above ${PRIOR_LOSS} times the error without).
`);
  const found: object[] = [];
  for (const [table, line] of lines.priors.entries()) {
    const errors = (await Promise.all(line.map(triedOf))).map((tried) =>
      meanOf(tried.map(({ errors }) => errors))
    );
    const limits = errors[0]!.map((error) => PRIOR_LOSS * error);
    const kinds = line.map(([trial]) => trial!.prior!);
    print(names[table]!, ...errors.map((each, at) => `${kinds[at]} ${percentages(each, limits)}`));
    found.push({
      name: names[table],
      share: PRIOR_SHARE,
      ...Object.fromEntries(kinds.map((kind, at) => [kind, errors[at]!.map(rounded)])),
    });
  }
  return found;
}

async function skewTable({ names, lines, triedOf }: Tables): Promise<object[]> {
  console.log(`
Skew: relative errors in % of what a simulator predicts for one case in five, by alphas fitted without it: to all other
cases measured; to ${100 * SKEW_SHARE}% of all cases measured, and the rest and cases between them predicted \
(* above ${SKEW_LOSS} times
the first).
`);
  const found: object[] = [];
  for (const line of lines.skew) {
    const tried = await triedOf(line);
    const name = names[line[0]!.table]!;
    const [full, part] = [
      meanOf(tried.map(({ beside }) => beside)),
      meanOf(tried.map(({ errors }) => errors)),
    ];
    const limits = full.map((error) => SKEW_LOSS * error);
    print(name, percentages(full), percentages(part, limits), milliseconds(tried)[1]);
    const [ms] = milliseconds(tried);
    found.push({
      name,
      share: SKEW_SHARE,
      full: full.map(rounded),
      part: part.map(rounded),
      ms_per_shot: ms,
    });
  }
  return found;
}

if (import.meta.main) {
  const script = {
    usage: "adaptive_bench.ts [--json=FILE] [BUNDLE...]",
    options: { json: { type: "string" } },
  } as const;
  await runScript({ ...script, words: [0, Infinity] }, async ({ json }, ...named) => {
    const dirs = named.length > 0 ? named : await knownBundles();
    const begun = performance.now();
    const truths = await openTruths(dirs);
    const names = truths.map(({ name }) => name);
    const withSkew = Array.from(truths.keys()).filter((table) => truths[table]!.skew.length >= SKEW_CASES);
    const lines = {
      attention: names.flatMap((_, table) =>
        GOALS.map(([shots]) => seeded({ category: "attention", table, shots }))
      ),
      stops: names.map((_, table) => seeded({ category: "attention", table, error: ERROR }, FEW_SEEDS)),
      priors: truths.map((truth, table) =>
        PRIORS.filter((prior) => priorOf(truths, truth, prior) !== null).map((prior) =>
          seeded({ category: "attention", table, shots: PRIOR_SHARE, prior }, FEW_SEEDS)
        )
      ),
      skew: withSkew.map((table) => seeded({ category: "skew", table, shots: SKEW_SHARE })),
    };
    const trials = [
      ...lines.attention.flat(),
      ...lines.stops.flat(),
      ...lines.priors.flat(2),
      ...lines.skew.flat(),
    ];
    const outcomes = sideBySide(dirs, trials);
    const outcomeOf = new Map(trials.map((trial, i) => [trial, outcomes[i]!]));
    const triedOf: Tables["triedOf"] = (line) => Promise.all(line.map((trial) => outcomeOf.get(trial)!));
    const tables = { names, lines, triedOf };

    const attention = await attentionTable(tables);
    const stops = await stopTable(tables);
    const priors = await priorTable(tables);
    const skew = await skewTable(tables);
    const { user, system } = process.cpuUsage();
    const seconds = (performance.now() - begun) / 1000;
    console.log(`\n${seconds.toFixed(0)} s; ${((user + system) / 1e6).toFixed(0)} s of processor time`);
    if (json !== undefined) {
      const text = JSON.stringify(
        { kind: "adaptive", seeds: SEEDS, attention, stops, priors, skew },
        null,
        1,
      );
      await writeAtomic(json, `${text}\n`);
    }
  });
}
