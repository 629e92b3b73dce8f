// deno-lint-ignore-file no-console
/**
 * Compares a plan fired on one device with the same plan fired by a pool:
 *
 *     deno task shotlab fire plan.jsonl --out one.jsonl --devices 0
 *     deno task shotlab fire plan.jsonl --out two.jsonl --devices 0,1
 *     deno run -A tests/bench/device/pool.ts one.jsonl two.jsonl
 *
 * Prints shots a second and writes `perf/evidence/pool-<model>.json`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { readFired } from "../../../src/journal/fired.ts";
import type { PlanLine } from "../../../src/journal/line.ts";
import { writeEvidence } from "../apart.ts";

/** How fast shots were fired. */
export interface Pace {
  /** The file's header. */
  readonly header: PlanLine;
  /** Name of the device. */
  readonly device: string;
  /** Shots of the whole file, sentinels left out. */
  readonly shots: number;
  /** Seconds for all shots at the pace from the first reading of a device's state to the last. */
  readonly seconds: number;
}

/**
 * Reads how fast the shots of a file were fired; boots and what came before the first reading do not count.
 *
 * @param text The file's text, of one degree.
 * @param path The file, for messages.
 * @returns The pace.
 */
export function paceOf(text: string, path: string): Pace {
  const { header, lines } = readFired(path, new TextEncoder().encode(text));
  const times: { shots: number; atS: number }[] = [];
  let device = "";
  let shots = 0;
  for (const line of lines) {
    if (line.type === "session") device = line.identity.device;
    if (line.type === "shot" || (line.type === "failed" && !line.sentinel)) shots++;
    if (line.type === "state" && line.at_s !== undefined) times.push({ shots, atS: line.at_s });
  }
  const [begin, end] = [times[0], times.at(-1)];
  if (begin === undefined || end === undefined || begin.shots === end.shots) {
    throw new Error(
      `Cannot time ${path}: it must have two readings of a device's state and shots between them`,
    );
  }
  return { header, device, shots, seconds: (end.atS - begin.atS) * shots / (end.shots - begin.shots) };
}

if (import.meta.main) {
  const { values, positionals: paths } = parseArgs({
    allowPositionals: true,
    options: { devices: { type: "string", default: "2" }, out: { type: "string" } },
  });
  const [one, two] = await Promise.all(
    paths.map(async (path) => paceOf(await Deno.readTextFile(path), path)),
  );
  if (one === undefined || two === undefined || one.shots !== two.shots) {
    throw new Error(
      "Expected pool.ts ONE TWO [--devices NUMBER] [--out FILE], two files with the same shots",
    );
  }
  console.log(`one: ${one.seconds.toFixed(1)} s, pool: ${two.seconds.toFixed(1)} s for ${one.shots} shots`);
  const { model, hardware } = one.header.plan.settings;
  await writeEvidence(values.out ?? `perf/evidence/pool-${model.split("/").at(-1)}.json`, {
    kind: "pool",
    model,
    hardware,
    device: one.device,
    devices: Number(values.devices),
    shots: one.shots,
    one_s: Number(one.seconds.toFixed(2)),
    two_s: Number(two.seconds.toFixed(2)),
  });
}
