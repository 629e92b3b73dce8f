/**
 * Sections of how far repeated measurements are apart.
 *
 * @module
 */
import { formatCount } from "../../../src/count_text.ts";
import { about } from "../evidence.ts";
import { table } from "../markdown.ts";
import { apartText, code, nameOf, type Section } from "./section.ts";

/** Against vLLM's own profiler. */
export const layerwise: Section = {
  kind: "layerwise",
  title: "Against the reference's way",
  text:
    "Random shots timed in one process on one device both ways: by the worker, in chunks, and by vLLM's " +
    "`layerwise_profile` around one warm-up and three forwards of each shot. Modules of one class count together.",
  body(files): string {
    const found = about(files, "layerwise").flatMap((file) =>
      file.categories.map((one) => ({ name: nameOf(file), one }))
    );
    const cost = found.map(({ name, one }) => [
      name,
      one.category,
      `${one.shots}, ${one.ours_shots}`,
      one.reference_ms.toFixed(0),
      one.ours_ms.toFixed(1),
      (one.reference_ms / one.ours_ms).toFixed(0),
      apartText(one),
    ]);
    const classes = found.flatMap(({ name, one }) =>
      one.classes.map((each) => [
        name,
        one.category,
        code(each.class),
        String(each.times),
        apartText(each),
      ])
    );
    return [
      table(
        [
          "model",
          "category",
          "shots, reference and worker",
          "reference, ms",
          "worker, ms",
          "ratio",
          "apart",
        ],
        cost,
      ),
      "By class, the signed median in brackets as above:",
      table(["model", "category", "class", "times", "apart"], classes),
    ].join("\n\n");
  },
};

/** A part of a bundle measured again. */
export const repeat: Section = {
  kind: "repeat",
  title: "Repeatability",
  text: "A random part of the plan measured a second time, in a process of its own, against the bundle.",
  body: (files): string =>
    table(
      ["model", "tp", "category", "shots", "apart"],
      about(files, "repeat").flatMap((file) =>
        file.categories.map(({ tp, category, shots, ...apart }) => [
          nameOf(file),
          String(tp),
          category,
          formatCount(shots),
          apartText(apart),
        ])
      ),
    ),
};
