/**
 * Sections of several devices and of trials on one.
 *
 * @module
 */
import { formatCount } from "../../../src/view/text.ts";
import { about } from "../evidence.ts";
import { table } from "../markdown.ts";
import { nameOf, type Section } from "./section.ts";

/** One plan on two devices. */
export const pool: Section = {
  kind: "pool",
  title: "Two devices",
  text:
    "The same plan fired on one device and by a pool of two, on one machine. The host is the limit, and its pace " +
    "varies from run to run: more than twice as fast is chance.",
  body: (files): string =>
    table(
      ["model", "shots", "one device, s", "two, s", "times as fast"],
      about(files, "pool").map((file) => [
        nameOf(file),
        formatCount(file.shots),
        file.one_s.toFixed(1),
        file.two_s.toFixed(1),
        (file.one_s / file.two_s).toFixed(2),
      ]),
    ),
};

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
