/**
 * The section of what takes a shot's time.
 *
 * @module
 */
import { about, type EvidenceOf } from "../evidence.ts";
import { table } from "../markdown.ts";
import { apartText, nameOf, type Section } from "./section.ts";

/** The parts of a shot's time, in the order in which they pass, with those of a file that each sums up. */
export const PARTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["set-up", ["set-up"]],
  ["passes", ["passes", "device"]],
  ["recording", ["open", "close", "read"]],
]);

/**
 * Says how long a part took.
 *
 * @param split Milliseconds a shot, as a file has them.
 * @param part One of `PARTS`.
 * @returns Milliseconds a shot.
 */
export function partMs(split: Readonly<Record<string, number>>, part: string): number {
  return PARTS.get(part)!.reduce((sum, name) => sum + (split[name] ?? 0), 0);
}

/** Ways of timing a shot. */
export const shotTime: Section = {
  kind: "shot-time",
  title: "Where a shot's time goes",
  text:
    "The same random shots in one process, each idea alone against the way of before. _Set-up_ is what passes before " +
    "the first pass of a shot, _recording_ what the profiler takes to end and to be read; the device is _busy_ beside " +
    "all of it. _Apart_ are medians of three samples against those of the first row, of which the ways that are named " +
    "again show the noise. In turns, a shot is fired in one way and at once in the other, so that the device's clock " +
    "is the same. By the worker's own timer whole chunks are in turns, and shots at a fallen clock are fired again: the " +
    "time of that is in the milliseconds.",
  body: (files): string =>
    about(files, "shot-time").flatMap((file) => [before(file), ways(file), turns(file), worker(file)])
      .filter((text) => text !== "").join("\n\n"),
};

function before({ conditions }: EvidenceOf<"shot-time">): string {
  const has = conditions?.layer_before === true ? "With" : "Without";
  return `${has} a [layer before](gpu-timing.md#a-layer-before) the timed one in dense shots:`;
}

function ways(file: EvidenceOf<"shot-time">): string {
  if (Object.keys(file.ideas).length === 0) return "";
  return table(
    ["model", "way", "category", "shots", "ms a shot", ...PARTS.keys(), "busy", "apart"],
    Object.entries(file.ideas).flatMap(([way, categories]) =>
      Object.entries(categories).map(([category, { shots, ms_a_shot, split_ms, busy_ms, apart }]) => [
        nameOf(file),
        way,
        category,
        `${shots}`,
        ...[ms_a_shot, ...[...PARTS.keys()].map((part) => partMs(split_ms, part)), busy_ms].map((ms) =>
          ms.toFixed(2)
        ),
        apartText(apart?.all ?? {}),
      ])
    ),
  );
}

function turns(file: EvidenceOf<"shot-time">): string {
  const pairs = Object.entries(file.pairs ?? {});
  if (pairs.length === 0) return "";
  return table(
    ["model", "in turns", "category", "shots", "apart", "with other kernels"],
    pairs.flatMap(([pair, categories]) =>
      Object.entries(categories).map(([category, { shots, apart, other_kernels }]) => [
        nameOf(file),
        pair,
        category,
        `${shots}`,
        apartText(apart.all ?? {}),
        `${other_kernels}`,
      ])
    ),
  );
}

function worker(file: EvidenceOf<"shot-time">): string {
  const rows = Object.values(file.worker ?? {}).flatMap((categories) =>
    Object.entries(categories).flatMap(([category, ways]) =>
      Object.entries(ways).map(([way, { shots, ms_a_shot, fired_again, apart }]) => [
        nameOf(file),
        way,
        category,
        `${shots}`,
        ms_a_shot.toFixed(2),
        `${fired_again}`,
        apartText(apart?.all ?? {}),
      ])
    )
  );
  return rows.length === 0
    ? ""
    : table(["model", "the worker's timer", "category", "shots", "ms a shot", "fired again", "apart"], rows);
}
