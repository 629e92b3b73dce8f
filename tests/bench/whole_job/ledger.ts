// deno-lint-ignore-file no-console
/**
 * Where the time of a whole job went, and how far its predicted rows are from shots that were fired beside it:
 *
 *     deno run -A tests/bench/whole_job/ledger.ts BUNDLE LOG --results sample.jsonl --command TEXT --out perf/evidence/whole-job-NAME.json
 *
 * LOG is what the command told on its standard error and output, each line begun by the seconds since its start.
 *
 * @module
 */
import { join } from "node:path";
import { type Bundle, openBundle } from "../../../src/bundle/open.ts";
import { UsageError } from "../../../src/errors.ts";
import { roundDecimals } from "../../../src/number_format.ts";
import { JOURNAL_FILE, readLines } from "../../../src/journal/file.ts";
import type { JournalLine } from "../../../src/journal/line.ts";
import { readPlainOrPacked } from "../../../src/journal/packed.ts";
import type { SweepCategory } from "../../../src/shots/shot.ts";
import { rowText } from "../../../src/shots/shot_id.ts";
import { median } from "../../../src/stats.ts";
import { runScript } from "../../../tasks/script.ts";
import { type Apart, apart, writeEvidence } from "../apart.ts";
import { type Again, parseAgain } from "../repeat/compare.ts";

/** What the job did, and how long it took. */
export interface Part {
  /** What it did. */
  readonly part: string;
  /** Seconds. */
  readonly seconds: number;
}

const BOOT = "boot of the whole engine";
const STEPS = "served steps and loads";

/** Lines that end a part, and the part. */
const ENDS: readonly (readonly [line: RegExp, part: (found: RegExpExecArray) => string])[] = [
  [/^vllm \S+ on /, () => "start of the worker"],
  // The first degree ends with the lasting load.
  [/^(tp \d+): booting the engine/, ([, tp]) => `before ${tp}`],
  [/^(tp \d+): booted in /, ([, tp]) => `${tp} boot`],
  [/^(tp \d+ [a-z_]+): .*, took /, ([, sweep]) => sweep!],
  [/^alphas fitted/, () => "last rows, lasting load, alphas"],
  [/^The bundle is in /, () => "files"],
  [/: booted in \d+ s$/, () => BOOT],
  [/^Steps are /, () => STEPS],
];

/**
 * The parts of a job by what it told.
 *
 * @param log Its lines, each begun by the seconds since its start.
 * @returns The parts in their order; what came after the last is `the rest`.
 */
export function partsOf(log: string): Part[] {
  const lines = log.split("\n").flatMap((line) => {
    const found = /^\s*([\d.]+) (.*)$/.exec(line);
    return found === null ? [] : [{ atS: Number(found[1]), text: found[2]! }];
  });
  // Of several devices one serves the steps beside the rows; what it told is shown behind them.
  const isBeside = lines.some(({ text }) => text.includes("serves steps of the whole engine"));
  const parts: Part[] = [];
  let begun = 0;
  const add = (part: string, atS: number): void => {
    parts.push({ part, seconds: roundDecimals(atS - begun, 1) });
    begun = atS;
  };
  for (const { atS, text } of lines) {
    for (const [end, part] of ENDS) {
      const found = end.exec(text);
      if (found === null) continue;
      const name = part(found);
      if (isBeside && name === BOOT) break;
      add(isBeside && name === STEPS ? "what is left of the steps beside" : name, atS);
      break;
    }
  }
  const last = lines.at(-1)?.atS ?? 0;
  if (last > begun) add("the rest", last);
  return parts;
}

/** What a sweep of a degree took. */
export interface SweepTime {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** What was swept. */
  readonly category: SweepCategory;
  /** Shots that were fired, those twice that were fired again. */
  readonly shots: number;
  /** Shots of these that differ. */
  readonly distinct: number;
  /** Seconds in which they were fired. */
  readonly firingS: number;
  /** Seconds between them, in which shots were chosen and rows predicted. */
  readonly betweenS: number;
}

/** A chunk of 64 shots takes half of it; choosing takes several. */
const PAUSE_S = 1;
/** Sweeps that fire a part, in rounds. */
const isChosen = (category: SweepCategory): boolean => category === "attention" || category === "skew";
/** Two readings without shots between are nearer to each other. */
const READING_S = 0.05;

/**
 * What the sweeps of a journal took, by the readings of the device before and after each chunk, which come before the
 * shots. A gap above a second in a sweep that is chosen in rounds has a chunk as the others in it; the rest of it lies between chunks.
 *
 * @param lines The journal's lines.
 * @returns The sweeps in their order.
 */
export function sweepTimes(lines: Iterable<JournalLine>): SweepTime[] {
  const gaps = new Map<
    string,
    { tp: number; category: SweepCategory; shots: number; keys: Set<string>; gaps: number[] }
  >();
  let before: number | null = null;
  let pending: number[] = [];
  let last: number[] | null = null;
  for (const line of lines) {
    if (line.type === "shot") {
      const { tp, category } = line;
      const name = `${tp} ${category}`;
      const sweep = gaps.get(name) ?? { tp, category, shots: 0, keys: new Set(), gaps: [] };
      gaps.set(name, sweep);
      sweep.shots++;
      sweep.keys.add(line.key.join());
      sweep.gaps.push(...pending);
      pending = [];
      last = isChosen(category) ? sweep.gaps : null;
    } else if (line.type === "engine") [before, pending, last] = [null, [], null];
    else if (line.type === "state" && line.at_s !== undefined) {
      // A sweep predicts after its last shot.
      if (before !== null) {
        (line.at_s - before > PAUSE_S && last !== null ? last : pending).push(line.at_s - before);
      }
      before = line.at_s;
    }
  }
  return [...gaps.values()].map(({ tp, category, shots, keys, gaps }) => {
    const [short, long] = [
      gaps.filter((gap) => gap <= PAUSE_S),
      gaps.filter((gap) => isChosen(category) && gap > PAUSE_S),
    ];
    const sum = (of: readonly number[]): number => of.reduce((total, gap) => total + gap, 0);
    const chunks = short.filter((gap) => gap > READING_S);
    const chunk = chunks.length === 0 ? 0 : median(chunks);
    const betweenS = sum(long) - long.length * chunk;
    return {
      ...{ tp, category, shots, distinct: keys.size },
      ...{ firingS: roundDecimals(sum(gaps) - betweenS, 2), betweenS: roundDecimals(betweenS, 2) },
    };
  });
}

/**
 * How far a bundle's rows of attention are from shots that were fired beside it.
 *
 * @param bundle The bundle.
 * @param again The shots.
 * @returns Of predicted rows and of measured ones, how many and how far: (predicted - fired) / fired.
 */
export function judgeRows(
  bundle: Pick<Bundle, "table" | "estimated">,
  again: readonly Again[],
): { readonly rows: "all" | "predicted" | "measured"; readonly shots: number; readonly apart: Apart }[] {
  const tp = again[0]!.shot.tp;
  const times = new Map(bundle.table(tp, "attention").map(({ key, timeUs }) => [rowText(null, key), timeUs]));
  const estimated = new Set(bundle.estimated(tp).map(({ key }) => rowText(null, key)));
  const pairs = again.flatMap(({ shot, timesUs }) => {
    const [fired] = Object.values(timesUs);
    const text = rowText(null, shot.key);
    const row = times.get(text);
    return row === undefined || fired === undefined ? [] : [{ text, difference: row / fired - 1 }];
  });
  return (["all", "predicted", "measured"] as const).flatMap((rows) => {
    const of = pairs.filter(({ text }) => rows === "all" || estimated.has(text) === (rows === "predicted"));
    return of.length === 0
      ? []
      : [{ rows, shots: of.length, apart: apart(of.map(({ difference }) => difference)) }];
  });
}

async function journalOf(dir: string): Promise<JournalLine[]> {
  const lines: JournalLine[] = [];
  const path = join(dir, JOURNAL_FILE);
  const parse = (text: string): JournalLine => JSON.parse(text);
  readLines(path, await readPlainOrPacked(path), (line) => void lines.push(line), parse);
  return lines;
}

if (import.meta.main) {
  const options = {
    results: { type: "string" },
    out: { type: "string" },
    command: { type: "string" },
    missing: { type: "string", multiple: true },
  } as const;
  const usage = "ledger.ts BUNDLE LOG --command TEXT --out FILE [--results FILE] [--missing PART]...";
  await runScript({ usage, options, words: [2, 2] }, async (values, dir, log) => {
    if (values.out === undefined || values.command === undefined) throw new UsageError(`Usage: ${usage}`);
    const bundle = await openBundle(dir);
    const { meta } = bundle;
    const parts = partsOf(await Deno.readTextFile(log));
    const again = values.results === undefined
      ? null
      : parseAgain(await Deno.readTextFile(values.results), values.results);
    const judged = again === null ? [] : judgeRows(bundle, again.again);
    const journal = await journalOf(dir);
    const evidence = {
      kind: "whole_job",
      ...{ model: meta.model, hardware: meta.hardware, device: meta.gpu },
      command: values.command,
      missing: values.missing ?? [],
      parts,
      sweeps: sweepTimes(journal).map(({ firingS, betweenS, ...sweep }) => ({
        ...sweep,
        ...{ firing_s: firingS, between_s: betweenS },
      })),
      degrees: bundle.tps.map((tp) => {
        const { attention, skew } = meta.adaptive?.per_tp[tp] ?? {};
        return { tp, attention, skew };
      }),
      judged: judged.map(({ rows, shots, apart }) => ({ rows, shots, ...apart })),
      at: journal.findLast((line) => line.type === "session")?.started,
      ...again?.at !== undefined && { judged_at: again.at },
    };
    console.log(evidence);
    await writeEvidence(values.out, evidence);
  });
}
