/**
 * The page of a published bundle: what it was measured on, what it cost, how far to trust it, how to repeat it.
 *
 * @module
 */
import { basename } from "node:path";
import { formatCount, plural } from "../../src/count_text.ts";
import { PLACES } from "../../src/check/attention_coverage.ts";
import { coverage } from "../../src/check/coverage.ts";
import { ownNeed } from "../../src/check/coverage_need.ts";
import { percentages } from "../../src/fit/report.ts";
import type { ErrorFigures } from "../../src/fit/errors.ts";
import { summarize } from "../../src/cli/summary.ts";
import { bundleFacts } from "../../src/view/report/facts.ts";
import { formatShare } from "../../src/view/text.ts";
import { costCells, firingOf } from "./firing.ts";
import { percents, table } from "./markdown.ts";
import type { Published } from "./published.ts";
import { profileFlags } from "./repeat_flags.ts";
import type { READINGS } from "./tally.ts";

/** Words for the readings of a device's state. */
const READING_WORDS: Readonly<Record<typeof READINGS[number], string>> = {
  sm_clock_mhz: "clock of the multiprocessors, MHz",
  memory_clock_mhz: "clock of the memory, MHz",
  temperature_c: "temperature, °C",
  power_w: "power, W",
};

/**
 * Writes the page.
 *
 * @param published The bundle.
 * @returns The page, Markdown.
 */
export function bundlePage(published: Published): string {
  const { bundle, hardware, model } = published;
  return [
    `# ${model} on ${hardware}`,
    "Made by `deno task benchmarks` from the bundle's files; errors and spreads are in percent.",
    `![Times of the layers over tokens](${basename(pictureOf(published.page))})`,
    table(["", ""], bundleFacts(bundle).map(({ fact, value }) => [fact, value])),
    "```\n" + summarize(bundle).trimEnd() + "\n```",
    ...cost(published),
    ...noise(published),
    ...trust(published),
    ...skewErrors(published),
    ...repeating(published),
    "",
  ].join("\n\n");
}

/**
 * The picture of a page.
 *
 * @param page The page's path.
 * @returns The picture's path.
 */
export function pictureOf(page: string): string {
  return page.replace(/\.md$/, ".png");
}

function cost(published: Published): string[] {
  const { deviceS, sessions } = published.run;
  const rows = firingOf(published).map((sweep) => [
    String(sweep.tp),
    sweep.category,
    ...costCells([sweep]),
  ]);
  return [
    "## Time taken",
    table(["tp", "category", "shots", "firing, s", "ms a shot", "device busy"], rows),
    ...deviceS === null
      ? []
      : [`The device was taken for ${(deviceS / 60).toFixed(1)} minutes, in ${plural(sessions, "session")}.`],
  ];
}

function noise({ bundle: { meta }, run }: Published): string[] {
  const { noise } = meta;
  const figures = noise === undefined ? [] : [
    ["spread of a shot's samples, p50 / p90", percents(noise.spread_p50, noise.spread_p90)],
    ["sentinels", String(noise.sentinels)],
    ["their drift, p50 / largest", percents(noise.sentinel_drift_p50, noise.sentinel_drift_max)],
    ["shots measured again", percents(noise.measured_again)],
    ["shots in doubt", formatCount(noise.in_doubt ?? 0)],
  ];
  const readings = Object.entries(run.readings).map(([name, { least, most }]) => [
    READING_WORDS[name as keyof typeof READING_WORDS],
    [...new Set([Math.round(least), Math.round(most)])].join(" to "),
  ]);
  return [
    "## Noise",
    `What the figures mean is in [noise](../noise.md). The device's state was read ${
      plural(run.states, "time")
    }.`,
    table(["", ""], [...figures, ...readings, [
      "slowed down by",
      run.throttle.length === 0 ? "nothing" : run.throttle.join(", "),
    ]]),
  ];
}

function trust({ bundle, issues }: Published): string[] {
  const need = ownNeed(bundle);
  const shares = coverage(bundle, need).attention.map(({ tp, shares }) => [
    String(tp),
    ...PLACES.map((place) => formatShare(shares[place])),
  ]);
  const count = (severity: string): number => issues.filter((issue) => issue.severity === severity).length;
  return [
    "## Coverage",
    `Attention lookups of a run with up to ${plural(need.maxNumBatchedTokens, "new token")}, ` +
    `${plural(need.maxNumSeqs, "request")} and ${plural(need.maxKv, "KV token")}, by where the answer ` +
    "comes from.",
    table(["tp", ...PLACES], shares),
    `\`shotlab validate\`: ${plural(count("error"), "error")}, ${plural(count("warning"), "warning")}.`,
  ];
}

function skewErrors({ bundle: { meta } }: Published): string[] {
  const rows = Object.entries(meta.skew_fit?.per_tp ?? {}).map(([tp, entry]) => {
    const unseen = entry["out_of_sample"] as
      | Record<"k_fold" | "leave_one_pc_out", { all?: ErrorFigures } | undefined>
      | undefined;
    return [
      tp,
      formatCount(entry.n_samples ?? 0),
      percentages(entry as unknown as ErrorFigures),
      percentages(unseen?.k_fold?.all),
      percentages(unseen?.leave_one_pc_out?.all),
    ];
  });
  if (rows.length === 0) return [];
  return [
    "## Skew correction",
    "Relative errors of skewed batches as a simulator predicts them, median / 90% / 99%: on the cases of the fit, on " +
    "folds left out of it, and on one prefill chunk left out at a time ([how](../skew-fit.md)).",
    table(["tp", "cases", "in sample", "folds", "one chunk left out"], rows),
  ];
}

function repeating({ bundle, run }: Published): string[] {
  const flags = profileFlags(bundle, run.settings).join(" ");
  return [
    "## Repeat it",
    "On a machine with the device, in one go:",
    `\`\`\`\ndeno task shotlab profile ${flags}\n\`\`\``,
    "Or with the worker alone, the way of [batch schedulers](../remote.md):",
    "```\n" + [
      `deno task shotlab plan ${flags} --limits limits.json --out plan.jsonl`,
      "python3 harness/vllm/worker.py --plan plan.jsonl --out results.jsonl",
      "deno task shotlab ingest results.jsonl",
    ].join("\n") + "\n```",
    `Then \`deno task shotlab pack ${bundle.dir}\` and \`deno task benchmarks\`.`,
  ];
}
