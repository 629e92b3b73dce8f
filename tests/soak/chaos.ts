/** A profile whose workers and whose own process are killed at random until it is through. */
import { uniform } from "../../src/random.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { openBundle } from "../../src/bundle/open.ts";
import { JOURNAL_FILE } from "../../src/journal/file.ts";
import type { MemorySample } from "./memory.ts";
import { kill, type Parent, residentBytes, startParent, workerCommand, workersOf } from "./processes.ts";
import type { Grid } from "./recording.ts";

/** Seconds that a worker may live after its profile. */
const ORPHAN_S = 10;

/** How a profile is disturbed. */
export interface ChaosOptions {
  /** What is measured. */
  readonly grid: Grid;
  /** The bundle that the workers replay. */
  readonly recorded: string;
  /** Folder of the bundle that is measured, and its bundle. */
  readonly perfDir: string;
  readonly bundle: string;
  /** Milliseconds that a shot takes. */
  readonly delayMs: number;
  /** Seconds in which processes are killed. */
  readonly seconds: number;
  /** Mean seconds between two kills of a worker, and of the run. */
  readonly workerEveryS: number;
  readonly parentEveryS: number;
  /** Seed of the kills. */
  readonly seed: number;
}

/** What a disturbed profile went through. */
export interface Chaos {
  workersKilled: number;
  parentsKilled: number;
  /** Starts of the profile, the first among them. */
  starts: number;
  /** Last words of the starts that ended by themselves before the bundle was whole. */
  ends: string[];
  /** Workers that lived on after their profile. */
  orphans: number;
  /** Longest time that a worker lived after its profile, in seconds. */
  longestOrphanS: number;
  /** Files of the bundle that were not whole after a kill. */
  broken: string[];
  seconds: number;
  memory: MemorySample[];
}

/** Runs a profile to its end through all kills. */
export async function runThroughChaos(options: ChaosOptions): Promise<Chaos> {
  const { recorded, bundle, seconds } = options;
  const begun = performance.now();
  const elapsed = (): number => (performance.now() - begun) / 1000;
  const chaos: Chaos = {
    ...{ workersKilled: 0, parentsKilled: 0, starts: 0, orphans: 0, longestOrphanS: 0 },
    ...{ ends: [], broken: [], seconds: 0, memory: [] },
  };
  const pauses = draws(options);
  const stop = new AbortController();
  let pid = 0;
  let startedS = 0;

  async function killWorkers(): Promise<void> {
    while (await rest(pauses.worker(), stop.signal) && elapsed() < seconds) {
      const workers = workersOf(recorded);
      const victim = workers[Math.floor(pauses.choice() * workers.length)];
      if (victim !== undefined && kill(victim)) chaos.workersKilled++;
    }
  }
  async function watchMemory(): Promise<void> {
    while (await rest(1, stop.signal)) {
      const bytes = residentBytes(pid);
      const atS = elapsed();
      const journalBytes = await sizeOf(`${bundle}/${JOURNAL_FILE}`);
      if (bytes > 0) chaos.memory.push({ atS, ageS: atS - startedS, journalBytes, bytes });
    }
  }
  const helpers = [killWorkers(), watchMemory()];
  try {
    for (let code: number | null = null; code !== 0;) {
      chaos.starts++;
      const parent = startParent(profileArgs(options));
      pid = parent.pid;
      startedS = elapsed();
      if (await outlives(parent, startedS, pauses.parent(), seconds) && kill(pid)) {
        chaos.parentsKilled++;
        await parent.ended;
        await waitForWorkers(recorded, chaos);
        chaos.broken.push(...await brokenFiles(bundle));
        continue;
      }
      const { code: status, words } = await parent.ended;
      if (status === 1) chaos.ends.push(words);
      else if (status !== 0) throw new Error(`The profile ended with ${status}: ${words}`);
      code = status;
    }
  } finally {
    stop.abort();
    await Promise.all(helpers);
  }
  await waitForWorkers(recorded, chaos);
  chaos.seconds = elapsed();
  return chaos;
}

function profileArgs({ grid, recorded, perfDir, delayMs }: ChaosOptions): string[] {
  return [
    ...["profile", "--model", grid.model, "--hardware", grid.hardware, "--tp-degrees", grid.tpDegrees.join()],
    ...["--max-num-batched-tokens", `${grid.maxNumBatchedTokens}`, "--max-num-seqs", `${grid.maxNumSeqs}`],
    ...["--attention-max-kv", `${grid.attentionMaxKv}`],
    ...["--attention-kv-factor", `${grid.attentionKvFactor}`],
    ...["--harness", `cmd:${workerCommand(recorded, delayMs)}`, "--devices", "0,1"],
    ...["--sentinel-s", "30", "--retry-failed", "--silent", "--perf-dir", perfDir],
  ];
}

/** Times that look random: exponential ones between kills, in seconds, and shares. */
function draws({ seed, workerEveryS, parentEveryS }: ChaosOptions): Record<
  "worker" | "parent" | "choice",
  () => number
> {
  const stream = (name: string): () => number => {
    let n = 0;
    return () => uniform(`${name} ${n++}`, seed);
  };
  const exponential = (name: string, mean: number): () => number => {
    const next = stream(name);
    return () => -mean * Math.log(1 - next());
  };
  return {
    worker: exponential("worker", workerEveryS),
    parent: exponential("parent", parentEveryS),
    choice: stream("choice"),
  };
}

/** Whether a profile still runs at the end of the life that it is given; nobody kills it after so many seconds. */
async function outlives({ ended }: Parent, startedS: number, lifeS: number, endS: number): Promise<boolean> {
  if (startedS + lifeS > endS) return await ended.then(() => false);
  const over = new AbortController();
  void ended.then(() => over.abort());
  return await rest(lifeS, over.signal);
}

/** Whether a pause came to its end. */
async function rest(seconds: number, signal: AbortSignal): Promise<boolean> {
  await sleep(1000 * seconds, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}

async function sizeOf(path: string): Promise<number> {
  return await Deno.stat(path).then(({ size }) => size, () => 0);
}

/** Waits until a profile's workers have ended; those that do not are counted and killed. */
async function waitForWorkers(recorded: string, chaos: Chaos): Promise<void> {
  const begun = performance.now();
  const age = (): number => (performance.now() - begun) / 1000;
  while (workersOf(recorded).length > 0 && age() < ORPHAN_S) await sleep(20);
  const left = workersOf(recorded);
  chaos.longestOrphanS = Math.max(chaos.longestOrphanS, age());
  chaos.orphans += left.length;
  left.forEach(kill);
}

/** The tables of a bundle that cannot be read as they are. */
async function brokenFiles(dir: string): Promise<string[]> {
  if (!await Deno.stat(`${dir}/meta.yaml`).then(() => true, () => false)) return [];
  const { issues } = await openBundle(dir);
  return issues.map(({ path, message }) => `${path}: ${message}`);
}
