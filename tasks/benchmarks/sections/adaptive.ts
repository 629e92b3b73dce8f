/**
 * The section of adaptive sweeps.
 *
 * @module
 */
import { about } from "../evidence.ts";
import { percents, table } from "../markdown.ts";
import type { Section } from "./section.ts";

/** Adaptive sweeps of the published bundles. */
export const adaptive: Section = {
  kind: "adaptive",
  title: "Adaptive sweeps",
  text:
    "Error of all rows when a part of the attention shots is measured and [the rest predicted](adaptive.md), " +
    "measured rows counted as exact; and of unseen skew cases, by alphas fitted to all other cases measured or to " +
    "a part of them measured and the rest predicted. What choosing costs is processor time of one core.",
  body(files): string {
    const found = about(files, "adaptive");
    const attention = found.flatMap((file) =>
      file.attention.map(({ name, share, p50, p90, p99, ms_per_shot }) => [
        name,
        `${100 * share}%`,
        percents(p50, p90, p99),
        ms_per_shot.toFixed(2),
      ])
    );
    const skew = found.flatMap((file) =>
      file.skew.map(({ name, share, full, part, ms_per_shot }) => [
        name,
        percents(...full),
        `${percents(...part)} (${100 * share}%)`,
        ms_per_shot.toFixed(2),
      ])
    );
    const stops = found.flatMap((file) =>
      file.stops.map(({ name, error, runs }) => [
        name,
        `${100 * error}%`,
        runs.map(({ measured }) => measured).join(", "),
        runs.map(({ p90 }) => (100 * p90).toFixed(2)).join(", "),
      ])
    );
    const priors = found.flatMap((file) =>
      file.priors.map(({ name, share, none, device, others }) => [
        `${name} (${100 * share}%)`,
        ...[none, device, others].map((errors) => errors === undefined ? "-" : percents(...errors)),
      ])
    );
    return [
      table(["table", "measured", "error", "ms a shot"], attention),
      "Stopped by an error that 90% of all rows are to stay within: attention shots that were fired, and the true " +
      "error at 90%, seed by seed.",
      table(["table", "asked for", "shots", "true error at 90%"], stops),
      "Leaning on others: no prior, all degrees of the other models on the device, other devices.",
      table(["table", "no prior", "same device", "other devices"], priors),
      table(["skew", "all measured", "a part measured", "ms a shot"], skew),
    ].join("\n\n");
  },
};
