/**
 * A long run through kills: `deno task soak --minutes 15 --shots 200000 --seed 1`.
 *
 * A recorded bundle is measured anew by the command line, on two lanes whose workers replay it shot by shot. Workers
 * and the command itself are killed (SIGKILL) at random times that the seed decides; the command is started again
 * until the bundle is whole. Then every shot must be there exactly once, and nothing else.
 *
 * @module
 */
import { UsageError } from "../../src/errors.ts";
import { profile } from "../../src/run/profile.ts";
import { runScript } from "../../tasks/script.ts";
import { type Chaos, runThroughChaos } from "./chaos.ts";
import { type Counted, countJournal, faultsOf } from "./checks.ts";
import { growthOf } from "./memory.ts";
import { gridOf, record } from "./recording.ts";
import { formatReport, type SoakReport } from "./report.ts";

const LANES = 2;
/** Share of the time that the shots alone take. */
const BUSY = 0.85;

/** Bytes by which memory may seem to grow with a minute, and seconds from which on that can be told. */
const LEAK = 5e6;
const LONG_S = 600;

/** How a soak is run. */
export interface SoakOptions {
  /** How long processes are killed. */
  readonly seconds: number;
  /** How many shots there are at least. */
  readonly shots: number;
  /** Seed of the kills. */
  readonly seed: number;
}

/** Runs a soak in a folder that is removed after it. */
export async function soak({ seconds, shots, seed }: SoakOptions): Promise<SoakReport> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-soak-" });
  try {
    const { grid, planned } = await gridOf(shots);
    const recorded = await record(grid, `${dir}/recorded`);
    const undisturbed = await profile({
      ...grid,
      harness: `replay:${recorded}`,
      perfDir: `${dir}/undisturbed`,
    });
    const perfDir = `${dir}/perf`;
    const bundle = recorded.replace(`${dir}/recorded`, perfDir);
    const chaos = await runThroughChaos({
      ...{ grid, recorded, perfDir, bundle, seconds, seed },
      delayMs: Math.floor(BUSY * 1000 * seconds * LANES / planned),
      workerEveryS: Math.min(3, seconds / 10),
      parentEveryS: Math.min(45, seconds / 5),
    });
    const counted = await countJournal(bundle);
    const faults = [...held(planned, chaos, counted), ...await faultsOf(bundle, undisturbed.dir)];
    return { planned, ...chaos, ...counted, faults };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function held(planned: number, chaos: Chaos, { shots, repeated, unmeasured }: Counted): string[] {
  const { perMinute } = growthOf(chaos.seconds < LONG_S ? [] : chaos.memory);
  const rules: [holds: boolean, fault: string][] = [
    [shots === planned, `${planned} shots were planned, ${shots} were measured`],
    [repeated === 0, `${repeated} shots were measured more than once`],
    [unmeasured === 0, `${unmeasured} shots failed and were never measured`],
    [
      !(perMinute > LEAK),
      `the run's memory grows by ${Math.round(perMinute)} bytes with each minute of its age`,
    ],
    [chaos.orphans === 0, `${chaos.orphans} workers lived on after their run`],
  ];
  return [...rules.filter(([holds]) => !holds).map(([, fault]) => fault), ...chaos.broken];
}

if (import.meta.main) {
  const options = {
    minutes: { type: "string", default: "15" },
    shots: { type: "string", default: "200000" },
    seed: { type: "string", default: "1" },
    memory: { type: "string" },
  } as const;
  const usage = "deno task soak [--minutes NUMBER] [--shots NUMBER] [--seed NUMBER] [--memory FILE]";
  await runScript({ usage, options }, async ({ memory, ...given }) => {
    const [minutes, shots, seed] = [given.minutes, given.shots, given.seed].map(Number);
    if (!(minutes! > 0 && shots! > 0 && Number.isInteger(seed))) throw new UsageError(`Usage: ${usage}`);
    const report = await soak({ seconds: 60 * minutes!, shots: shots!, seed: seed! });
    if (memory !== undefined) await Deno.writeTextFile(memory, JSON.stringify(report.memory));
    Deno.stdout.writeSync(new TextEncoder().encode(formatReport(report)));
    return report.faults.length === 0 ? 0 : 1;
  });
}
