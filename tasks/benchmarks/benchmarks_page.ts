/**
 * `docs/benchmarks.md`: what profiling costs, and how far its times can be trusted.
 *
 * @module
 */
import { formatCount, plural } from "../../src/count_text.ts";
import { changesSection } from "./changes.ts";
import { about, type EvidenceFile } from "./evidence.ts";
import { percents, table } from "./markdown.ts";
import type { Published } from "./published.ts";
import { adaptive } from "./sections/adaptive.ts";
import { layerwise, repeat } from "./sections/agreement.ts";
import { pool, trials } from "./sections/devices.ts";
import { tensorParallel, truth } from "./sections/forwards.ts";
import { wholeJob } from "./sections/whole_job.ts";
import { shotTime } from "./sections/shot_time.ts";
import { costCells, firingOf } from "./firing.ts";

/** The sections that come from evidence, in their order. */
const SECTIONS = [wholeJob, layerwise, repeat, truth, adaptive, tensorParallel, pool, trials, shotTime];

/**
 * Writes the page.
 *
 * @param published The bundles.
 * @param evidence What was measured beside them.
 * @returns The page, Markdown.
 */
export function benchmarksPage(published: readonly Published[], evidence: readonly EvidenceFile[]): string {
  const missing = SECTIONS.filter(({ kind }) => about(evidence, kind).length === 0);
  return [
    "# Benchmarks",
    "Made by `deno task benchmarks` from the bundles and the files of `perf/evidence`; a test holds it against them. " +
    "Every number comes from a run of this project on the device that it names. Errors are in percent, as " +
    "median / 90th percentile / 99th percentile of their sizes, unless a column says otherwise.",
    ...timeSection(published),
    ...noiseSection(published),
    ...SECTIONS.filter((section) => !missing.includes(section))
      .flatMap((section) => [`## ${section.title}`, section.text, section.body(evidence)]),
    ...changesSection(published, nameOf),
    ...rooflineSection(published),
    ...missing.length === 0
      ? []
      : ["## Not measured yet", missing.map(({ title }) => `- ${title}`).join("\n")],
    "",
  ].join("\n\n");
}

function timeSection(published: readonly Published[]): string[] {
  const bundles = published.map((one) => [
    `[${nameOf(one)}](${one.page})`,
    one.bundle.tps.join(", "),
    one.run.deviceS === null ? "-" : (one.run.deviceS / 60).toFixed(1),
    ...costCells(firingOf(one)),
  ]);
  const sweeps = published.flatMap((one) =>
    [...Map.groupBy(firingOf(one), ({ category }) => category)]
      .map(([category, firing]) => [nameOf(one), category, ...costCells(firing)])
  );
  return [
    "## What a bundle costs",
    "All sweeps of all degrees, the shots that were measured again among them. _Minutes_ are those for which devices " +
    "were taken: from the begin of each session to its last shot, boots included where the run tells its begin. " +
    "_Firing_ is the part in which shots were fired, and _busy_ the share of it in which the device worked; the host " +
    "is the rest.",
    table(["bundle", "tp", "minutes", "shots", "firing, s", "ms a shot", "busy"], bundles),
    "By category, all degrees together:",
    table(["bundle", "category", "shots", "firing, s", "ms a shot", "busy"], sweeps),
  ];
}

function noiseSection(published: readonly Published[]): string[] {
  const rows = published.flatMap((one) => {
    const { noise } = one.bundle.meta;
    return noise === undefined ? [] : [[
      nameOf(one),
      percents(noise.spread_p50, noise.spread_p90),
      String(noise.sentinels ?? 0),
      percents(noise.sentinel_drift_p50, noise.sentinel_drift_max),
      percents(noise.measured_again),
      formatCount(noise.in_doubt ?? 0),
    ]];
  });
  return [
    "## Noise",
    "Standard deviation of a shot's samples (median / 90%), drift of the repeated sentinel against the first " +
    "(median / largest), the share of shots that were measured again, and how many are still in doubt " +
    "([what that means](noise.md)).",
    table(["bundle", "spread", "sentinels", "drift", "measured again, %", "in doubt"], rows),
  ];
}

function rooflineSection(published: readonly Published[]): string[] {
  const rows = published.flatMap((one) =>
    one.roofline.filter(({ layer }) => layer === null).map(({ category, rows, p50, p90, ratio }) => [
      nameOf(one),
      category,
      formatCount(rows),
      percents(p50, p90),
      ratio.toFixed(2),
    ])
  );
  return [
    "## Roofline estimates",
    `Error of the [roofline](roofline.md) on every row of ${
      plural(published.length, "bundle")
    }, median / 90%, and ` +
    "the median of estimate over measurement.",
    table(["bundle", "category", "rows", "error", "ratio"], rows),
  ];
}

/** The variant that names leave out. */
const USUAL = "bf16";

function nameOf({ hardware, model, bundle }: Published): string {
  const { variant = USUAL } = bundle.meta;
  return variant === USUAL ? `${hardware} ${model}` : `${hardware} ${model} ${variant}`;
}
