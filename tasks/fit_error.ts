// deno-lint-ignore-file no-console
/**
 * How well the alpha fits of some bundles predict: `fit_error.ts [--check] BUNDLE...`.
 *
 * Prints errors on the cases of the fit and on unseen ones, for the reference's fit and for shrinkage, pooled over
 * all tables at the end, and what the choice of pc costs in rows. With `--check`, each bundle's own skew_fit.csv and
 * meta.yaml are compared with the reference fit instead; exits with 1 when they differ.
 *
 * @module
 */
import assert from "node:assert/strict";
import { plural } from "../src/count_text.ts";
import { type Bundle, openBundle } from "../src/bundle/open.ts";
import { formatSkewFit } from "../src/bundle/skew_fit.ts";
import { chunkGroups, unseenErrors } from "../src/fit/cross_validation.ts";
import { interpolatedTimes } from "../src/fit/uniform_times.ts";
import { type ErrorFigures, errorFigures } from "../src/fit/errors.ts";
import { fitSkew } from "../src/fit/fit_skew.ts";
import type { PrefillGrid } from "../src/fit/prefill_grid.ts";
import { type FitProblem, referenceProblem, shrinkageProblem } from "../src/fit/problem.ts";
import { randomFolds } from "../src/fit/random_folds.ts";
import { formatReports, percentages } from "../src/fit/report.ts";
import { makeAttentionTable } from "../src/predict/attention.ts";
import { runScript } from "./script.ts";

const FOLDS = 5;
const SEED = 1;

function nameOf({ meta }: Bundle, tp: number): string {
  return `${meta.hardware} ${meta.model?.split("/").at(-1)} tp${tp}`;
}

function inputOf(
  bundle: Bundle,
  tp: number,
): Pick<Parameters<typeof fitSkew>[0], "rowsByTp" | "attentionByTp"> {
  return {
    rowsByTp: new Map([[tp, bundle.skew(tp)]]),
    attentionByTp: new Map([[tp, bundle.table(tp, "attention")]]),
  };
}

function checkReference(bundle: Bundle): boolean {
  const rowsByTp = new Map(bundle.tps.map((tp) => [tp, bundle.skew(tp)]));
  const { block, tables } = fitSkew({ method: "reference", rowsByTp });
  let equal = true;
  for (const tp of bundle.tps) {
    const same = formatSkewFit(tables.get(tp) ?? []) === formatSkewFit(bundle.skewFit(tp));
    console.log(
      `${nameOf(bundle, tp)}: ${plural(bundle.skewFit(tp).length, "row")} ${same ? "equal" : "DIFFER"}`,
    );
    equal &&= same;
  }
  if (!bundle.meta.skew_fit?.enabled) {
    console.log("  meta.yaml holds no enabled block to compare");
    return equal;
  }
  try {
    assert.deepEqual(JSON.parse(JSON.stringify(block)), JSON.parse(JSON.stringify(bundle.meta.skew_fit)));
    console.log("  meta.yaml: block equal");
  } catch (error) {
    console.log(`  meta.yaml: block DIFFERS\n${error}`);
    equal = false;
  }
  return equal;
}

function printErrors(bundles: readonly Bundle[]): void {
  for (const method of ["reference", "shrinkage"] as const) {
    const reports = bundles.flatMap((bundle) =>
      bundle.tps.map((tp) => {
        const { report } = fitSkew({ method, ...inputOf(bundle, tp), folds: FOLDS, seed: SEED });
        return [nameOf(bundle, tp), report.get(tp)!] as const;
      })
    );
    console.log(`${formatReports(reports)}\n`);
  }
}

function printPooled(bundles: readonly Bundle[]): void {
  const folds = (pc: Float64Array): Int32Array => randomFolds(pc.length, FOLDS, SEED);
  const problems: [string, (bundle: Bundle, tp: number) => [FitProblem, FitProblem["ends"]]][] = [
    ["reference", (bundle, tp) => [referenceProblem(bundle.skew(tp))!, endsOf(bundle, tp)]],
    ["reference's sums on interpolated ends", (bundle, tp) => {
      const rows = bundle.skew(tp);
      const ends = endsOf(bundle, tp);
      return [
        referenceProblem(rows.map((row, i) => ({
          ...row,
          t_mean_us: ends.mean[i]!,
          t_max_us: ends.max[i]!,
          t_skew_us: ends.skew[i]!,
        })))!,
        ends,
      ];
    }],
    ["shrinkage", (bundle, tp) => {
      const ends = endsOf(bundle, tp);
      return [shrinkageProblem(bundle.skew(tp), ends)!, ends];
    }],
  ];
  console.log("| pooled | k-fold | one pc left out |\n| --- | --- | --- |");
  for (const [name, problemOf] of problems) {
    const figures = [folds, chunkGroups].map((groupsOf) =>
      pooled(bundles, (bundle, tp) => {
        const [problem, ends] = problemOf(bundle, tp);
        return unseenErrors(problem, ends, groupsOf(problem.cases.pc));
      })
    );
    console.log(`| ${[name, ...figures.map(percentages)].join(" | ")} |`);
  }
  const fallbacks = pooled(bundles, (bundle, tp) => {
    const ends = endsOf(bundle, tp);
    const problem = shrinkageProblem(bundle.skew(tp), ends)!;
    const bare = { ...problem, fitter: fallbackOnly(problem) };
    return unseenErrors(bare, ends, chunkGroups(problem.cases.pc));
  });
  console.log(`| shrinkage's fallback alone | - | ${percentages(fallbacks)} |\n`);
}

function fallbackOnly({ fitter }: FitProblem): FitProblem["fitter"] {
  return (selected) => ({ ...fitter(selected), alphaAt: () => undefined });
}

function pooled(
  bundles: readonly Bundle[],
  errorsOf: (bundle: Bundle, tp: number) => Float64Array,
): ErrorFigures | undefined {
  const errors = bundles.flatMap((bundle) => bundle.tps.flatMap((tp) => [...errorsOf(bundle, tp)]));
  return errorFigures(errors.filter((error) => !Number.isNaN(error))) ?? undefined;
}

function endsOf(bundle: Bundle, tp: number): ReturnType<typeof interpolatedTimes> {
  return interpolatedTimes(bundle.skew(tp), makeAttentionTable(bundle.table(tp, "attention"))!);
}

function printTableSizes(bundle: Bundle): void {
  console.log("| table | pc values | rows | pc with rows | bytes |\n| --- | --- | --- | --- | --- |");
  const tp = bundle.tps[0]!;
  for (const pcValues of ["profiled", "common", "all"] satisfies PrefillGrid[]) {
    const table = fitSkew({ method: "shrinkage", ...inputOf(bundle, tp), pcValues }).tables.get(tp)!;
    const chunks = new Set(table.map(({ pc }) => pc)).size;
    const bytes = formatSkewFit(table).length;
    console.log(`| ${[nameOf(bundle, tp), pcValues, table.length, chunks, bytes].join(" | ")} |`);
  }
}

if (import.meta.main) {
  const script = {
    usage: "fit_error.ts [--check] BUNDLE...",
    options: { check: { type: "boolean" } },
  } as const;
  await runScript({ ...script, words: [1, Infinity] }, async ({ check }, ...dirs) => {
    const bundles = await Promise.all(dirs.map((dir) => openBundle(dir)));
    if (check) return bundles.every(checkReference) ? 0 : 1;
    printErrors(bundles);
    printPooled(bundles);
    printTableSizes(bundles[0]!);
    return 0;
  });
}
