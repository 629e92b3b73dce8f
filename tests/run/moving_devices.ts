/** Devices whose speed follows random schedules, and runs on them that are killed at random. */
import { HarnessError } from "../../src/errors.ts";
import type { Harness, HarnessInfo } from "../../src/harness/harness.ts";
import { readEvidence, type ShotEvidence } from "../../src/journal/evidence.ts";
import { identityOf } from "../../src/journal/identity.ts";
import { uniform } from "../../src/random.ts";
import { execute } from "../../src/run/execute.ts";
import { resolveSettings } from "../../src/settings.ts";
import { toPlanned } from "../../src/settings/recorded.ts";
import type { PlanHeader } from "../../src/shots/plan_file.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { sentinelShot, sentinelsOf } from "../../src/shots/sentinel_shot.ts";
import { type Shot, shotKey } from "../../src/shots/shot.ts";
import { openFired } from "../../src/store/fired.ts";
import type { Recorder } from "../../src/store/recorder.ts";
import { openSession } from "../../src/store/session.ts";
import { type Lane, openLane } from "../../src/workers/lane.ts";
import { openPool } from "../../src/workers/pool.ts";
import { fakeHarness, fakeTimeUs, tinyArchitecture } from "./fakes.ts";
import { TINY_BOOT } from "./tiny_boot.ts";
import { attentionSweep, denseSweep, perSequenceSweep } from "./tiny_run.ts";

/** Share by which the sentinel may move. */
export const SHARE = 0.03;
/** Shots handed over at once; a sentinel comes before each of them. */
export const CHUNK = 3;
/** Shots for which a device keeps a speed at least: more than lie between two sentinels. */
const STEADY = 2 * CHUNK + 8;
const ARCHITECTURE = {
  ...tinyArchitecture(),
  sequence: { prologue: [], pre_attn: [], post_attn: [], mlp_dense: [], mlp_moe: [], head: [] },
};
const TYPES = { dtype: "bfloat16", kv_cache_dtype: "auto" };

/** Draws numbers from 0 to 1 that a seed decides. */
export type Draw = (name: string) => number;

/** A source of draws; each asks for its own. */
export function draws(seed: number): Draw {
  const asked = new Map<string, number>();
  return (name) => {
    const count = (asked.get(name) ?? 0) + 1;
    asked.set(name, count);
    return uniform(`${name} ${count}`, seed);
  };
}

/** A device, whose speed goes with the shots that it has fired. */
export interface Device {
  /** Shots that it has fired. */
  fired: number;
  /** By which factor its times are longer now than at its usual speed. */
  readonly factor: number;
  /** Whether the schedule has had a speed that is not the usual one while it was fired on. */
  readonly hasMoved: boolean;
}

/** A device that changes its speed now and then; from `endsAt` shots on it has its usual one. */
export function movingDevice(draw: Draw, endsAt: number): Device {
  const schedule: { readonly from: number; readonly factor: number }[] = [];
  for (let from = 0; from < endsAt;) {
    const kind = draw("kind");
    const factor = kind < 0.6
      ? 1 + 0.02 * (draw("within") - 0.5)
      : kind < 0.9
      ? 1.05 + 0.5 * draw("slow")
      : 0.7 + 0.25 * draw("fast");
    schedule.push({ from, factor });
    from += STEADY + Math.floor((factor > 0.98 && factor < 1.02 ? 150 : 50) * draw("length"));
  }
  schedule.push({ from: endsAt, factor: 1 });
  const device = {
    fired: 0,
    hasMoved: false,
    get factor(): number {
      const { factor } = schedule.findLast(({ from }) => from <= device.fired)!;
      device.hasMoved ||= Math.abs(factor - 1) > 2 * SHARE;
      return factor;
    },
  };
  return device;
}

/** What is fired: every category, at one or two degrees. */
export function plannedSweeps(degrees: readonly number[]): Sweep[] {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
  return degrees.flatMap((tp) => [
    denseSweep(upTo(14), tp),
    perSequenceSweep(upTo(6), tp),
    attentionSweep(upTo(12), tp),
  ]);
}

/** How a session goes. */
interface SessionPlan {
  /** The devices of its lanes; one is a lane alone. */
  readonly devices: readonly Device[];
  readonly degrees: readonly number[];
  readonly draw: Draw;
  /** Events after which the run is killed. */
  readonly killAfter: number;
  readonly acceptSpeed: boolean;
  readonly seed: number;
}

/** Opens a lane over some devices, whose harnesses die now and then. */
async function laneOver({ devices, draw }: SessionPlan): Promise<Lane> {
  const open = (device: Device): Promise<Harness> =>
    Promise.resolve(fakeHarness({
      mishap(): "die" | undefined {
        device.fired++;
        return draw("death") < 0.01 ? "die" : undefined;
      },
      factor: () => device.factor,
    }));
  const [first, ...others] = devices.map((device, index) => ({
    name: `device ${index}`,
    open: () => open(device),
  }));
  if (others.length === 0) return await openLane({ open: first!.open, pauseMs: 0 });
  return await openPool([first!, ...others], { pauseMs: 0 });
}

async function fireOn(lane: Lane, session: Recorder, plan: SessionPlan): Promise<boolean> {
  let events = 0;
  for (const tp of plan.degrees) {
    const sweeps = plannedSweeps([tp]);
    await lane.boot({ ...TINY_BOOT, tp, architecture: ARCHITECTURE });
    const shot = sentinelShot(sweeps)!;
    const options = { iterations: 3, quantity: "kernel", chunk: CHUNK, seed: plan.seed } as const;
    for await (
      const _ of execute({ ...options, lane, session, sweeps, sentinel: { shot, everyS: 0, share: SHARE } })
    ) {
      if (++events > plan.killAfter) return false;
    }
  }
  return true;
}

/** Time goes with what the devices have fired. */
const clockOf = (devices: readonly Device[]) => (): number =>
  1e9 + devices.reduce((sum, { fired }) => sum + fired, 0);

/** One run into a bundle; returns whether it came to its end and left nothing in doubt. */
export async function runLive(dir: string, plan: SessionPlan): Promise<boolean> {
  await using session = await openSession(dir, { architecture: ARCHITECTURE, nowS: clockOf(plan.devices) });
  try {
    await using lane = await laneOver(plan);
    session.start({
      identity: identityOf(lane.info as HarnessInfo, { ...TYPES, quantity: "kernel" }),
      settings: {},
      watch: { every_s: 0, share: SHARE },
      acceptSpeed: plan.acceptSpeed,
    });
    return await fireOn(lane, session, plan) && session.judge.standing === 0;
  } catch (error) {
    if (error instanceof HarnessError) return false;
    throw error;
  }
}

/** The header of a plan of these shots. */
export function planHeaderOf(degrees: readonly number[]): PlanHeader {
  const settings = resolveSettings({ model: "tiny/tiny", hardware: "TEST", tpDegrees: [...degrees] });
  return {
    format: "shotlab-plan",
    version: 1,
    settings: {
      ...{ model: "tiny/tiny", hardware: "TEST", variant: "bf16", ...TYPES },
      ...toPlanned(settings),
    },
    configs: Object.fromEntries(degrees.map((tp) => [tp, {}])),
    overrides: Object.fromEntries(degrees.map((tp) => [tp, {}])),
    architecture: ARCHITECTURE,
    sentinels: sentinelsOf(plannedSweeps(degrees)),
  };
}

/** One run into a journal away from the bundle; returns whether it came to its end and left nothing in doubt. */
export async function runFired(path: string, header: PlanHeader, plan: SessionPlan): Promise<boolean> {
  await using session = await openFired(path, {
    plan: header,
    quantity: "kernel",
    nowS: clockOf(plan.devices),
  });
  try {
    await using lane = await laneOver(plan);
    session.start(lane.info, { every_s: 0, share: SHARE }, plan.acceptSpeed);
    return await fireOn(lane, session, plan) && session.judge.standing === 0;
  } catch (error) {
    if (error instanceof HarnessError) return false;
    throw error;
  }
}

/** What is known of the rows of a bundle. */
export interface Rows {
  /** Shots that are not in doubt: by which factor their times are longer than at the usual speed. */
  readonly undoubted: readonly {
    readonly shot: string;
    readonly tp: number;
    readonly lane: string;
    readonly factor: number;
  }[];
  /** Shots in doubt. */
  readonly doubted: number;
}

/** Holds the rows of a bundle against the usual speed. */
export async function rowsOf(dir: string): Promise<Rows> {
  const evidence = await readEvidence(dir);
  const last = new Map<string, { timesUs: Record<string, number>; lane: string }>();
  for (const text of (await Deno.readTextFile(`${dir}/journal.jsonl`)).split("\n")) {
    if (!text.startsWith('{"type":"shot"')) continue;
    const { category, tp, key, samples, lane = "" } = JSON.parse(text);
    const times = Object.entries(samples as Record<string, number[]>).map(([layer, us]) => [layer, us[0]!]);
    last.set(`${category} ${tp} ${key}`, { timesUs: Object.fromEntries(times), lane });
  }
  const undoubted = evidence.filter(({ inDoubt }) => !inDoubt).map((shot) => {
    const name = nameOf(shot);
    const { timesUs, lane } = last.get(name)!;
    const [layer, us] = Object.entries(timesUs)[0]!;
    return { shot: name, tp: shot.tp, lane, factor: us / fakeTimeUs(shotOf(shot), layer) };
  });
  return { undoubted, doubted: evidence.length - undoubted.length };
}

function nameOf({ category, tp, key }: Pick<ShotEvidence, "category" | "tp" | "key">): string {
  return `${category} ${tp} ${key}`;
}

const PLANNED = new Map<string, Shot>(
  plannedSweeps([1, 2]).flatMap(({ category, tp, shots }) =>
    shots.map((shot) => [`${category} ${tp} ${shotKey(shot)}`, shot] as const)
  ),
);

function shotOf(evidence: ShotEvidence): Shot {
  return PLANNED.get(nameOf(evidence))!;
}

/** Calls with a folder in memory, where there is one: bringing files to a disk takes most of the time. */
export async function withFastFolder(action: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "shotlab-" }).catch(() => Deno.makeTempDir());
  try {
    await action(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
