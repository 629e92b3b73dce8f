import assert from "node:assert/strict";
import { ingest } from "../../src/run/ingest.ts";
import { bundlePath } from "../../src/bundle/layout.ts";
import {
  type Device,
  draws,
  movingDevice,
  planHeaderOf,
  type Rows,
  rowsOf,
  runFired,
  runLive,
  SHARE,
  withFastFolder,
} from "./moving_devices.ts";

/** Seeds of each way of firing; more of them with SHOTLAB_SEEDS. */
const SEEDS = Number(Deno.env.get("SHOTLAB_SEEDS") ?? 100);
/** Runs that may be killed, and those after them that may not. */
const KILLED = 3;
const LEFT_ALONE = 3;

type Run = (session: Parameters<typeof runLive>[1]) => Promise<boolean>;

/** Runs until one comes to its end and leaves nothing in doubt, or there were enough; returns the devices. */
async function runToEnd(seed: number, run: Run): Promise<Device[]> {
  const draw = draws(seed);
  const most = 1 + Math.floor(3 * draw("most lanes"));
  const devices = Array.from({ length: most }, (_, lane) => {
    const own = draws(1000 * seed + lane);
    return movingDevice(own, Math.floor(250 * own("end")));
  });
  const degrees = draw("degrees") < 0.3 ? [1, 2] : [1];
  for (let round = 0; round < KILLED + LEFT_ALONE; round++) {
    const lanes = draw("same lanes") < 0.7 ? most : 1 + Math.floor(most * draw("lanes"));
    const killAfter = round < KILLED ? Math.floor(80 * draw("kill")) : Infinity;
    const isClean = await run({
      devices: devices.slice(0, lanes),
      ...{ degrees, draw, killAfter, acceptSpeed: draw("accept") < 0.1, seed },
    });
    if (isClean) break;
  }
  return devices;
}

/**
 * The largest over the least factor of each lane at each degree, which have a reference of their own; rows within the
 * share of one reference differ by no more.
 */
function spreadOf({ undoubted }: Rows): number {
  return Math.max(...[...Map.groupBy(undoubted, ({ lane, tp }) => `${lane} ${tp}`).values()].map((rows) => {
    const factors = rows.map(({ factor }) => factor);
    return Math.max(...factors) / Math.min(...factors);
  }));
}

/** Runs a way of firing through all seeds. */
async function hold(one: (seed: number) => Promise<{ rows: Rows; devices: Device[] }>): Promise<void> {
  let clean = 0;
  let moved = 0;
  let undoubted = 0;
  let doubted = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { rows, devices } = await one(seed);
    const spread = rows.undoubted.length === 0 ? 1 : spreadOf(rows);
    assert.ok(spread <= (1 + SHARE) / (1 - SHARE), `seed ${seed}: rows of a lane differ by ${spread}`);
    undoubted += rows.undoubted.length;
    doubted += rows.doubted;
    if (rows.doubted === 0) clean++;
    if (devices.some(({ hasMoved }) => hasMoved)) moved++;
  }
  // The property is not held by doubting everything, nor by devices that stay as they are.
  assert.ok(moved > SEEDS / 3, `devices moved in ${moved} of ${SEEDS} runs`);
  assert.ok(clean > SEEDS / 2, `${clean} of ${SEEDS} runs ended clean`);
  assert.ok(undoubted > 5 * doubted, `${undoubted} rows stand, ${doubted} are in doubt`);
}

Deno.test("live: whatever moves the devices, whenever a run is killed, rows that stand are those of one speed", () =>
  withFastFolder(async (root) => {
    await hold(async (seed) => {
      const dir = `${root}/${seed}`;
      await Deno.mkdir(dir);
      const devices = await runToEnd(seed, (session) => runLive(dir, session));
      return { rows: await rowsOf(dir), devices };
    });
  }));

Deno.test("fired: whatever moves the devices, whenever a run is killed, rows that stand are those of one speed", () =>
  withFastFolder(async (root) => {
    await hold(async (seed) => {
      const path = `${root}/${seed}.jsonl`;
      const perfDir = `${root}/${seed}`;
      const devices = await runToEnd(
        seed,
        (session) => runFired(path, planHeaderOf(session.degrees), session),
      );
      await ingest([path], { perfDir });
      return { rows: await rowsOf(bundlePath(perfDir, "TEST", "tiny/tiny", "bf16")), devices };
    });
  }));
