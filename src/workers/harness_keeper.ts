/**
 * Harnesses that several runs use one after the other: one that is sound at a run's end is the next run's.
 *
 * @module
 */
import type { Harness } from "../harness/harness.ts";
import type { Settings } from "../settings.ts";
import { openOnDevices, type OpenOnDevicesOptions } from "./open_lanes.ts";

/** Keeps harnesses between runs; disposing ends them. */
export interface HarnessKeeper extends AsyncDisposable {
  /**
   * Opens a harness, or takes the one that a run before has left. What was left by a run that asked for other ones is
   * ended first: it holds a device.
   *
   * @param settings The settings of the run: harness, transport, devices, time limits.
   * @param devices Numbers of the devices that it sees.
   * @param options How it is cancelled, and where its log goes.
   * @returns The harness. Closing it leaves it for the next run, unless a call of it has failed or was left.
   * @throws {HarnessError} when it cannot be opened.
   * @throws {UsageError} when there is no such harness.
   */
  open(settings: Settings, devices: readonly number[], options: OpenOnDevicesOptions): Promise<Harness>;
}

/** A harness that is open, and where its log goes at present. */
interface Kept {
  readonly harness: Harness;
  /** What was asked for by the run that opened it. */
  readonly asked: string;
  readonly devices: string;
  readonly log: { to: OpenOnDevicesOptions["onLog"] };
}

/**
 * Begins without any.
 *
 * @param open Opens a harness. @default {as the settings say}
 * @returns The keeper.
 *
 * @example
 * ```ts
 * import { keepHarnesses } from "./harness_keeper.ts";
 * import { openHarness } from "../harness/open.ts";
 * import { resolveSettings } from "../settings.ts";
 * import assert from "node:assert/strict";
 * let opened = 0;
 * await using keeper = keepHarnesses(() => (opened++, openHarness("roofline:H100")));
 * const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100" });
 * for (let run = 0; run < 3; run++) {
 *   await using harness = await keeper.open(settings, [], {});
 *   assert.equal(harness.info.engine, "roofline");
 * }
 * assert.equal(opened, 1);
 * ```
 */
export function keepHarnesses(open: typeof openOnDevices = openOnDevices): HarnessKeeper {
  let left: Kept[] = [];
  async function end(some: (kept: Kept) => boolean): Promise<void> {
    const ended = left.filter(some);
    left = left.filter((kept) => !some(kept));
    await Promise.all(ended.map(({ harness }) => harness.close()));
  }
  return {
    async open(settings, devices, { signal, onLog }): Promise<Harness> {
      const asked = askedBy(settings);
      await end((kept) => kept.asked !== asked);
      const before = left.find((kept) => kept.devices === devices.join());
      left = left.filter((kept) => kept !== before);
      if (before !== undefined) {
        before.log.to = onLog;
        return lent(before.harness, () => void left.push(before));
      }
      const log: Kept["log"] = { to: onLog };
      const harness = await open(settings, devices, {
        ...signal && { signal },
        onLog: (line) => log.to?.(line),
      });
      return lent(harness, () => void left.push({ harness, asked, devices: devices.join(), log }));
    },
    [Symbol.asyncDispose]: () => end(() => true),
  };
}

/** What decides whether a harness is the one that a run asks for. */
function askedBy(settings: Settings): string {
  const { harness, transport, devices, helloTimeoutS, bootTimeoutS, shotTimeoutS, configDir, seed } =
    settings;
  const limits = [helloTimeoutS, bootTimeoutS, shotTimeoutS];
  return JSON.stringify([harness, transport, devices, limits, configDir, seed]);
}

/** A harness whose end is that of its run: then it is left, or ended when it is not sound. */
function lent(harness: Harness, leave: () => void): Harness {
  let isSound = true;
  let isOpen = true;
  const { sustain, walk } = harness;
  /** A call that does not come to its end, or ends too early, leaves the harness in a state that nobody knows. */
  async function* watched<T>(values: AsyncIterable<T>, least = 0): AsyncGenerator<T> {
    const before = isSound;
    isSound = false;
    let count = 0;
    for await (const value of values) {
      count++;
      yield value;
    }
    isSound = before && count >= least;
  }
  async function whole<T>(work: Promise<T>): Promise<T> {
    const before = isSound;
    isSound = false;
    const done = await work;
    isSound = before;
    return done;
  }
  async function close(): Promise<void> {
    if (!isOpen) return;
    isOpen = false;
    if (isSound) leave();
    else await harness.close();
  }
  return {
    info: harness.info,
    boot: (request, options) => whole(harness.boot(request, options)),
    fire: (request, options) => watched(harness.fire(request, options), request.shots.length),
    ...sustain && { sustain: (request, options) => watched(sustain.call(harness, request, options)) },
    ...walk && { walk: (batches, options) => whole(walk.call(harness, batches, options)) },
    close,
    [Symbol.asyncDispose]: close,
  };
}
