/**
 * Memory over 100,000 shots through execute with the replay harness. Run alone, it prints the megabytes above start.
 *
 * @module
 */
import { replayHarness } from "../../src/harness/replay.ts";
import { runScript } from "../../tasks/script.ts";
import { fireAll } from "./execute_bench.ts";
import { type Measurement } from "./measure.ts";
import { writeSyntheticBundle } from "./synthetic_bundle.ts";

const SHOTS = 100_000;

/** What the child tells on standard output. */
interface Told {
  readonly aboveStartMb: number;
  readonly aboveBootMb: number;
  readonly msPerShot: number;
}

/**
 * Measures in a process of its own.
 *
 * @returns The largest resident size above the start, and the time per shot.
 */
export async function measureMemory(): Promise<Measurement[]> {
  const script = new URL(import.meta.url);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", script.pathname],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot measure memory: the child process failed");
  const told: Told = JSON.parse(new TextDecoder().decode(stdout));
  return [
    {
      what: `Memory above start over ${SHOTS} shots (replay)`,
      value: told.aboveStartMb,
      unit: "MB",
      limit: 150,
    },
    { what: "Of this, while firing: above the booted replay", value: told.aboveBootMb, unit: "MB" },
    { what: `Time per shot of these`, value: told.msPerShot, unit: "ms" },
  ];
}

async function main(): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-bench-" });
  try {
    await writeSyntheticBundle(dir, {
      tps: [1],
      attention: SHOTS,
      dense: 0,
      perSequence: 0,
      skew: 0,
      skewFit: 0,
    });
    const harness = await replayHarness(dir);
    const rss = (): number => Deno.memoryUsage().rss / 1e6;
    const start = rss();
    let most = start;
    const timer = setInterval(() => most = Math.max(most, rss()), 50);
    let boot = start;
    const onBooted = (): void => void (boot = rss());
    const elapsedMs = await fireAll({ source: { harness }, count: SHOTS, chunk: 64, onBooted });
    clearInterval(timer);
    most = Math.max(most, rss());
    const told: Told = { aboveStartMb: most - start, aboveBootMb: most - boot, msPerShot: elapsedMs / SHOTS };
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told)));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) await runScript({ usage: "memory_bench.ts" }, main);
