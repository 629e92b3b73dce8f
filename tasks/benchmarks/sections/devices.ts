/**
 * Sections of several devices and of trials on one.
 *
 * @module
 */
import { formatCount } from "../../../src/count_text.ts";
import { about, type EvidenceOf } from "../evidence.ts";
import { table } from "../markdown.ts";
import { nameOf, type Section } from "./section.ts";

/** One plan on two devices. */
export const pool: Section = {
  kind: "pool",
  title: "Two devices",
  text:
    "The same plan fired on one device and by a pool of two, on one machine. The host is the limit, and its pace " +
    "varies from run to run: more than twice as fast is chance. Where a run was cut, the shots count that both fired " +
    "first, and beside them the pace of attention from its first shots to its last: its order is one of chance.",
  body: (files): string =>
    table(
      ["model", "shots", "one device, s", "two, s", "times as fast", "attention, shots/s", "times as fast"],
      about(files, "pool").map((file) => [
        nameOf(file),
        formatCount(file.shots),
        file.one_s.toFixed(1),
        file.two_s.toFixed(1),
        (file.one_s / file.two_s).toFixed(2),
        ...ratesText(file.attention),
      ]),
    ),
};

function ratesText(rates: EvidenceOf<"pool">["attention"]): [string, string] {
  const [one, two] = rates ?? [];
  if (one === undefined || two === undefined) return ["-", "-"];
  const text = ({ shots, per_s }: typeof one): string => `${per_s.toFixed(0)} (${formatCount(shots)})`;
  return [`${text(one)}, ${text(two)}`, (two.per_s / one.per_s).toFixed(2)];
}

/** Trials on a device. */
export const trials: Section = {
  kind: "trials",
  title: "Trials on a device",
  text:
    "What the worker does with a rule that lets it stop early, on a device that is full, and on one that fails.",
  body: (files): string =>
    about(files, "trials")
      .flatMap((file) => file.sentences.map((sentence) => `- ${nameOf(file)}: ${sentence}`)).join("\n"),
};
