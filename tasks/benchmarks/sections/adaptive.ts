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
    "a part of them measured and the rest predicted. The last column is what choosing costs.",
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
      file.skew.map(({ name, share, full, part }) => [
        name,
        percents(...full),
        `${percents(...part)} (${100 * share}%)`,
      ])
    );
    return [
      table(["table", "measured", "error", "ms a shot"], attention),
      table(["skew", "all measured", "a part measured"], skew),
    ].join("\n\n");
  },
};
