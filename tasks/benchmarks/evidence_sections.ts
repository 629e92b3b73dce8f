/**
 * The sections of the benchmarks that come from files of evidence.
 *
 * @module
 */
import { formatCount } from "../../src/view/text.ts";
import { about, type EvidenceFile, type Kind } from "./evidence.ts";
import { percents, table } from "./markdown.ts";

/** A section. */
export interface Section {
  /** The files that it is made from; without one it is left out. */
  readonly kind: Kind;
  /** Its title. */
  readonly title: string;
  /** What was measured. */
  readonly text: string;
  /** What came of it. */
  readonly body: (files: readonly EvidenceFile[]) => string;
}

/** The sections in their order. */
export const SECTIONS: readonly Section[] = [
  {
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
        `${percents(one.p50, one.p90, one.p99)} (${signed(one.signed_p50)})`,
      ]);
      const classes = found.flatMap(({ name, one }) =>
        one.classes.map((each) => [
          name,
          one.category,
          `\`${each.class}\``,
          String(each.times),
          `${percents(each.p50, each.p90, each.p99)} (${signed(each.signed_p50)})`,
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
  },
  {
    kind: "repeat",
    title: "Repeatability",
    text: "A random part of the plan measured a second time, in a process of its own, against the bundle.",
    body: (files): string =>
      table(
        ["model", "tp", "category", "shots", "apart"],
        about(files, "repeat").flatMap((file) =>
          file.categories.map(({ tp, category, shots, signed_p50, p50, p90, p99 }) => [
            nameOf(file),
            String(tp),
            category,
            formatCount(shots),
            `${percents(p50, p90, p99)} (${signed(signed_p50)})`,
          ])
        ),
      ),
  },
  {
    kind: "truth",
    title: "Whole forwards",
    text:
      "Random mixed batches through 2 and 4 decoder layers: half the difference is a layer, and is held against " +
      "the sum that the predictor makes of a bundle's rows; the whole forward of 2 layers likewise. Errors are " +
      "median / 90%.",
    body(files): string {
      const found = about(files, "truth");
      const rows = found.flatMap((file) =>
        file.groups.map(({ name, batches, per_layer, whole }) => [
          nameOf(file),
          name,
          String(batches),
          `${percents(per_layer.p50, per_layer.p90)} (${signed(per_layer.signed_p50)})`,
          `${percents(whole.p50, whole.p90)} (${signed(whole.signed_p50)})`,
        ])
      );
      const explained = found.flatMap((file) => file.explained.map((what) => `- ${nameOf(file)}: ${what}`));
      return [
        table(["model", "batches of", "batches", "a layer", "the forward"], rows),
        ...explained.length === 0 ? [] : ["What explains it:", explained.join("\n")],
      ].join("\n\n");
    },
  },
  {
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
  },
  {
    kind: "tensor_parallel",
    title: "A real tensor-parallel rank",
    text:
      "Kernel times of modules in one rank of a real tensor-parallel group, one process and one device each, " +
      "against the same modules of the degree emulated on one device.",
    body: (files): string =>
      table(
        ["model", "tp", "module", "batches", "apart, median / 90%"],
        about(files, "tensor_parallel").flatMap((file) =>
          file.modules.map(({ module, batches, signed_p50, p50, p90 }) => [
            nameOf(file),
            String(file.tp),
            `\`${module}\``,
            String(batches),
            `${percents(p50, p90)} (${signed(signed_p50)})`,
          ])
        ),
      ),
  },
  {
    kind: "pool",
    title: "Several devices",
    text: "The same plan fired on one device and by a pool of several.",
    body: (files): string =>
      table(
        ["model", "shots", "one device, s", "devices", "all, s", "times as fast"],
        about(files, "pool").map((file) => [
          nameOf(file),
          formatCount(file.shots),
          file.one_s.toFixed(1),
          String(file.devices),
          file.all_s.toFixed(1),
          (file.one_s / file.all_s).toFixed(2),
        ]),
      ),
  },
  {
    kind: "trials",
    title: "Trials on a device",
    text:
      "What the worker does when the device is full, when it fails, and with a rule that lets it stop early.",
    body: (files): string =>
      about(files, "trials")
        .flatMap((file) => file.sentences.map((sentence) => `- ${nameOf(file)}: ${sentence}`)).join("\n"),
  },
];

function nameOf({ hardware, model }: { readonly hardware: string; readonly model: string }): string {
  return `${hardware} ${model.split("/").at(-1)}`;
}

function signed(share: number): string {
  return `${share < 0 ? "" : "+"}${percents(share)}`;
}
