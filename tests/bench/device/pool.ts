// deno-lint-ignore-file no-console
/**
 * Compares a plan fired on one device with the same plan fired by a pool:
 *
 *     deno task shotlab fire plan.jsonl --out one.jsonl --devices 0
 *     deno task shotlab fire plan.jsonl --out two.jsonl --devices 0,1
 *     deno run -A tests/bench/device/pool.ts one.jsonl two.jsonl
 *
 * Prints shots a second and writes `perf/evidence/pool-<model>.json`. Where one of them was cut, its shots count, which
 * the other fired first as well: both follow the plan's order.
 *
 * @module
 */
import { UsageError } from "../../../src/errors.ts";
import { readText } from "../../../src/files/read.ts";
import { readFired } from "../../../src/journal/fired.ts";
import type { PlanLine } from "../../../src/journal/line.ts";
import { runScript } from "../../../tasks/script.ts";
import { evidencePath, writeEvidence } from "../apart.ts";

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
 * @param most Shots that count, the first ones.
 * @returns The pace.
 */
export function paceOf(text: string, path: string, most = Infinity): Pace {
  const { header, lines } = readFired(path, new TextEncoder().encode(text));
  const times: { shots: number; atS: number }[] = [];
  let device = "";
  let shots = 0;
  for (const line of lines) {
    if (line.type === "shot" && shots >= most) break;
    if (line.type === "session") device = line.identity.device;
    if (line.type === "shot" || (line.type === "failed" && !line.sentinel)) shots++;
    if (line.type === "state" && line.at_s !== undefined) times.push({ shots, atS: line.at_s });
  }
  const [begin, end] = [times[0], times.at(-1)];
  if (begin === undefined || end === undefined || begin.shots === end.shots) {
    throw new UsageError(
      `Cannot time ${path}: it must have two readings of a device's state and shots between them`,
    );
  }
  return { header, device, shots, seconds: (end.atS - begin.atS) * shots / (end.shots - begin.shots) };
}

/** How fast a sweep was fired, once it was under way. */
export interface Rate {
  /** Shots between its first reading of a device's state and its last. */
  readonly shots: number;
  /** Of these each second. */
  readonly perS: number;
}

/**
 * Reads how fast the attention shots of a file were fired. They come in an order of chance, so that a file that was cut
 * has the same mixture of them as one that was not.
 *
 * @param text The file's text, of one degree.
 * @param path The file, for messages.
 * @returns The rate, null when it has too few.
 */
export function attentionRate(text: string, path: string): Rate | null {
  const times: { shots: number; atS: number }[] = [];
  let shots = 0;
  for (const line of readFired(path, new TextEncoder().encode(text)).lines) {
    if (line.type === "shot" && line.category === "attention") shots++;
    if (line.type === "state" && line.at_s !== undefined && shots > 0) times.push({ shots, atS: line.at_s });
  }
  const [begin, end] = [times[0], times.at(-1)];
  if (begin === undefined || end === undefined || begin.shots === end.shots) return null;
  const fired = end.shots - begin.shots;
  return { shots: fired, perS: fired / (end.atS - begin.atS) };
}

if (import.meta.main) {
  const usage = "pool.ts ONE TWO [--devices NUMBER] [--out FILE], two journals of one plan";
  const options = { devices: { type: "string", default: "2" }, out: { type: "string" } } as const;
  await runScript({ usage, options, words: [2, 2] }, async ({ devices, out }, first, second) => {
    const texts = [await readText(first), await readText(second)] as const;
    const most = Math.min(...[first, second].map((path, at) => paceOf(texts[at]!, path).shots));
    const one = paceOf(texts[0], first, most);
    const two = paceOf(texts[1], second, most);
    const { model, hardware } = one.header.plan.settings;
    for (const what of ["model", "device", "shots"] as const) {
      const [own, other] = [one, two].map((pace) =>
        what === "model" ? pace.header.plan.settings.model : pace[what]
      );
      if (own !== other) {
        throw new UsageError(
          `Cannot compare ${first} with ${second}: their ${what} must be the same, got ${own} and ${other}`,
        );
      }
    }
    console.log(`one: ${one.seconds.toFixed(1)} s, pool: ${two.seconds.toFixed(1)} s for ${one.shots} shots`);
    const rates = texts.map((text, at) => attentionRate(text, [first, second][at]!));
    console.log("attention:", ...rates);
    await writeEvidence(out ?? evidencePath("pool", model), {
      kind: "pool",
      model,
      hardware,
      device: one.device,
      devices: Number(devices),
      shots: one.shots,
      one_s: Number(one.seconds.toFixed(2)),
      two_s: Number(two.seconds.toFixed(2)),
      ...rates.every((rate) => rate !== null) && {
        attention: rates.map(({ shots, perS }) => ({ shots, per_s: Number(perS.toFixed(1)) })),
      },
    });
  });
}
