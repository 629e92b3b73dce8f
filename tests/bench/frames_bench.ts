/**
 * From a bundle on disk to data frames, in the first call of a process. Run with a bundle's folder, it prints the
 * milliseconds that it took.
 *
 * @module
 */
import { openBundle } from "../../src/bundle/open.ts";
import { median } from "../../src/stats.ts";
import { frames } from "../../src/view/frames/frames.ts";
import { runScript } from "../../tasks/script.ts";
import { type Measurement, timed } from "./measure.ts";
import { type BundleSize, writeSyntheticBundle } from "./synthetic_bundle.ts";

/** 40,000 rows in all, shared out as in a published bundle's degree. */
const SIZE: BundleSize = {
  tps: [1],
  attention: 21_309,
  dense: 1_500,
  perSequence: 200,
  skew: 13_009,
  skewFit: 3_982,
};

const PROCESSES = 10;

/**
 * Measures in processes of their own, since most of a first call is code that has not been compiled yet.
 *
 * @returns The fastest first call, the median of them, and a later call.
 */
export async function measureFrames(): Promise<Measurement[]> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-bench-" });
  try {
    await writeSyntheticBundle(dir, SIZE);
    const told: { firstMs: number; medianMs: number }[] = [];
    for (let i = 0; i < PROCESSES; i++) told.push(await measureApart(dir));
    const firsts = told.map(({ firstMs }) => firstMs);
    const what = "40,000 rows to data frames";
    return [
      {
        what: `${what}, opening included, a process's first call, best of ${PROCESSES}`,
        value: Math.min(...firsts),
        unit: "ms",
        limit: 100,
      },
      { what: `${what}, a process's first call, median of ${PROCESSES}`, value: median(firsts), unit: "ms" },
      {
        what: `${what}, median of 10 calls`,
        value: median(told.map(({ medianMs }) => medianMs)),
        unit: "ms",
        limit: 100,
      },
    ];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function measureApart(dir: string): Promise<{ firstMs: number; medianMs: number }> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL(import.meta.url).pathname, dir],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot measure data frames: the child process failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function toFrames(dir: string): Promise<number> {
  const { dense, perSequence, attention, moe, skew, skewFit } = frames(await openBundle(dir));
  return [dense, perSequence, attention, moe, skew, skewFit].reduce(
    (rows, frame) => rows + frame(1).height,
    0,
  );
}

if (import.meta.main) {
  await runScript({ usage: "frames_bench.ts BUNDLE", words: [1, 1] }, async (_, dir) => {
    const told = await timed(10, () => toFrames(dir));
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told)));
  });
}
