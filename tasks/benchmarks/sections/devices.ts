/**
 * Sections of several devices and of trials on one.
 *
 * @module
 */
import { formatCount } from "../../../src/view/text.ts";
import { about, type EvidenceOf } from "../evidence.ts";
import { table } from "../markdown.ts";
import { nameOf, type Section } from "./section.ts";

/** One plan on two devices. */
export const pool: Section = {
  kind: "pool",
  title: "Two devices",
  text: "The same plan fired on one device and by a pool of two.",
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
    about(files, "trials").flatMap((file) => trialsOf(file).map((text) => `- ${nameOf(file)}: ${text}`))
      .join("\n"),
};

function trialsOf({ precision, out_of_memory: full, device_error: error }: EvidenceOf<"trials">): string[] {
  const counts = (record: Readonly<Record<string, number>>, one: string): string =>
    Object.entries(record).map(([name, count]) => `${count} ${one} ${name}`).join(", ");
  return [
    ...precision === undefined ? [] : [
      `${precision.shots} attention shots until the standard error of the median is ` +
      `${100 * precision.relative}%: ${counts(precision.samples, "with")} samples; ` +
      `${counts(precision.stops, "ended by")}`,
    ],
    ...full === undefined ? [] : [
      `with the device's memory taken, ${full.failed} shots failed (${
        full.kinds.join(", ")
      }); with it free again, ` +
      `${full.measured_after} were measured by the same worker`,
    ],
    ...error === undefined ? [] : [`after an illegal access the worker answers ${error.answer}`],
  ];
}
