/**
 * Sections of whole forwards and of real tensor-parallel ranks.
 *
 * @module
 */
import { formatUs } from "../../../src/view/text.ts";
import { about } from "../evidence.ts";
import { percents, table } from "../markdown.ts";
import { apartText, code, nameOf, type Section, signed } from "./section.ts";

/** Forwards against the predictor. */
export const truth: Section = {
  kind: "truth",
  title: "Whole forwards",
  text:
    "Random mixed batches through 2 and 4 decoder layers: half the difference is a layer, and is held against " +
    "the sum that the predictor makes of a bundle's rows; the whole forward of the more layers likewise. Communication is not part of it.",
  body(files): string {
    const found = about(files, "truth");
    const rows = found.flatMap((file) =>
      file.groups.map(({ name, batches, per_layer, whole }) => [
        nameOf(file),
        name,
        String(batches),
        apartText(per_layer),
        apartText(whole),
      ])
    );
    const layers = found.flatMap((file) =>
      file.by_layer.map(({ layer, share, adds, ...own }) => [
        nameOf(file),
        layer,
        percents(share),
        signed(adds),
        apartText(own),
      ])
    );
    const notes = found.flatMap((file) => {
      const { uncovered_kernels: kernels, explained } = file;
      return [
        ...explained,
        ...kernels.length === 0
          ? []
          : [`kernels in no layer of the catalogue: ${kernels.map(shortened).join(", ")}`],
      ].map((note) => `- ${nameOf(file)}: ${note}`);
    });
    return [
      table(["model", "batches of", "batches", "a layer", "the forward"], rows),
      "What each layer of the catalogue has to do with it: its share of the measured time of a decoder layer over " +
      "all batches, what it adds to the difference of that time, and its own error, all in percent:",
      table(["model", "layer", "share", "adds", "own error"], layers),
      ...notes.length === 0 ? [] : [notes.join("\n")],
    ].join("\n\n");
  },
};

/** Ranks against emulated ones. */
export const tensorParallel: Section = {
  kind: "tensor_parallel",
  title: "Real tensor-parallel ranks",
  text:
    "Kernel times of modules in the ranks of a real tensor-parallel group, one process and one device each, " +
    "against the same modules of the degree emulated on one device; and the emulated ones a second time.",
  body(files): string {
    const found = about(files, "tensor_parallel");
    const rows = found.flatMap((file) =>
      file.modules.map(({ module, batches, noise, ...apart }) => [
        nameOf(file),
        String(file.tp),
        module,
        String(batches),
        apartText(apart),
        noise === undefined ? "-" : apartText(noise),
      ])
    );
    const communication = found.flatMap((file) =>
      file.communication.map(({ tokens, us }) => [nameOf(file), String(tokens), formatUs(us)])
    );
    return [
      table(["model", "tp", "layer", "times", "real against emulated", "emulated again"], rows),
      "What passes between the ranks in a forward of one decoder layer, up to the logits, is in no bundle. The " +
      "shortest time counts, as a rank that comes first waits in it for the others:",
      table(["model", "tokens", "communication"], communication),
    ].join("\n\n");
  },
};

/** Names of kernels can be hundreds of letters long. */
function shortened(kernel: string): string {
  return code(kernel.length > 80 ? `${kernel.slice(0, 77)}...` : kernel);
}
