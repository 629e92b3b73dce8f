/**
 * Section of whole jobs: one command, and where its time went.
 *
 * @module
 */
import { formatCount, plural } from "../../../src/count_text.ts";
import { about, type EvidenceFile, type EvidenceOf } from "../evidence.ts";
import { percents, table } from "../markdown.ts";
import { apartText, code, nameOf, type Section } from "./section.ts";

type Job = EvidenceOf<"whole_job">;

/** Whole jobs. */
export const wholeJob: Section = {
  kind: "whole_job",
  title: "A whole job",
  text:
    "One command that measures all that a simulator needs of a model, and where its time went. _Between_ are the " +
    "seconds in which a sweep fires nothing: it chooses shots, learns, and predicts. _Before_ a degree lie files and, " +
    "once the first one is measured, a lasting load of a few of its shots (`--sustain-s`). The reference's way is the same " +
    "shots without a choice, all of the grid, each at what a shot takes its profiler where both were timed " +
    "([below](#against-the-references-way)).",
  body: (files): string => about(files, "whole_job").map((job) => jobText(job, files)).join("\n\n"),
};

function jobText(job: Job, files: readonly EvidenceFile[]): string {
  const total = job.parts.reduce((sum, { seconds }) => sum + seconds, 0);
  const between = job.sweeps.reduce((sum, sweep) => sum + sweep.between_s, 0);
  return [
    `${nameOf(job)}: ${code(job.command)} took ${minutes(total)}, ${
      between.toFixed(0)
    } s of it between chunks. ` +
    (job.missing.length === 0 ? "" : `Then its time was up: ${job.missing.join(" and ")} are missing. `) +
    referenceText(job, files),
    table(
      ["part", "seconds"],
      [...job.parts.map(({ part, seconds }) => [part, seconds.toFixed(1)]), ["all", total.toFixed(1)]],
    ),
    table(
      ["tp", "sweep", "shots", "firing, s", "ms a shot", "between, s"],
      job.sweeps.map(({ tp, category, shots, firing_s, between_s }) => [
        ...[String(tp), category, formatCount(shots), firing_s.toFixed(1)],
        ...[(1000 * firing_s / shots).toFixed(1), between_s.toFixed(1)],
      ]),
    ),
    "What the run said of its own rows (median / 90% / 99%, and the bound of the second with 95% confidence):",
    table(
      ["tp", "sweep", "predicted", "said", "bound at 90%"],
      job.degrees.flatMap((degree) =>
        (["attention", "skew"] as const).flatMap((sweep) => {
          const said = degree[sweep];
          return said === undefined ? [] : [[
            String(degree.tp),
            sweep,
            formatCount(said.estimated),
            percents(said.rel_err_p50, said.rel_err_p90, said.rel_err_p99),
            said.upper_p90 === null ? "-" : percents(said.upper_p90),
          ]];
        })
      ),
    ),
    ...job.judged.length === 0 ? [] : [
      `Against random shots of the grid, fired in a process of their own${
        timesText(job)
      } and fitted to nothing ` +
      "(rows that were measured twice show what is noise):",
      table(
        ["rows", "shots", "apart"],
        job.judged.map(({ rows, shots, ...figures }) => [rows, formatCount(shots), apartText(figures)]),
      ),
    ],
  ].join("\n\n");
}

function timesText({ at, judged_at: judgedAt }: Job): string {
  if (at === undefined || judgedAt === undefined) return "";
  const text = (time: string): string => time.slice(0, 16).replace("T", " ");
  return ` (${text(judgedAt)} UTC, the job ${text(at)})`;
}

/** What the grids would take shot by shot, where somebody timed a shot both ways. */
function referenceText({ sweeps, degrees }: Job, files: readonly EvidenceFile[]): string {
  const [timed] = about(files, "layerwise");
  const ms = timed?.categories.find(({ category }) => category === "attention")?.reference_ms;
  if (timed === undefined || ms === undefined) return "";
  const shots = (["attention", "skew"] as const).reduce(
    (sum, category) =>
      sum + sweeps.filter((one) =>
        one.category === category
      ).reduce((of, { shots, distinct = shots }) => of + distinct, 0) +
      degrees.reduce((of, degree) =>
        of + (degree[category]?.estimated ?? 0), 0),
    0,
  );
  const hours = shots * ms / 3_600_000;
  return `Its ${plural(shots, "shot")} of attention and skew by the reference's way, at the ${
    ms.toFixed(0)
  } ms of ` +
    `${nameOf(timed)}: ${hours.toFixed(0)} hours${hours < 24 ? "" : `, ${(hours / 24).toFixed(1)} days`}.`;
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, "0")} s`;
}
