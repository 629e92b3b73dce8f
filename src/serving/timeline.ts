/**
 * Host and device of a server: when a step's tokens have come, given when it was scheduled.
 *
 * @module
 */

/** What a step asks of host and device, in microseconds. */
export interface StepWork {
  /** Time of its layers on a device at its full clock. */
  readonly rowsUs: number;
  /** Device time of no layer: gaps between graphs, copies, bookkeeping. */
  readonly gapUs: number;
  /** What the host is busy for until the next step can be scheduled. */
  readonly hostUs: number;
  /** What the host is busy for before the step's first kernel is launched; at most `hostUs`. */
  readonly prepareUs: number;
  /** Whether the step's GEMMs keep the device's arithmetic busy, so that it may reach its power limit. */
  readonly computeBound: boolean;
}

/** How far a device's clock falls at the power limit. */
export interface ClockTerm {
  /** Share by which steps take longer then. */
  readonly slowdown: number;
  /** How long steps that are bound by arithmetic run at the full clock, in microseconds. */
  readonly onsetUs: number;
}

/** Where a device is. */
export interface Device {
  /** When it has nothing left to do, in microseconds. */
  freeUs: number;
  /** How long it has been at work that is bound by arithmetic, less the rests since; at most the onset. */
  warmUs: number;
}

/**
 * Makes a device that has rested.
 *
 * @returns The device.
 */
export function restedDevice(): Device {
  return { freeUs: 0, warmUs: 0 };
}

/**
 * Runs a step behind what the device has to do. Its first kernel is launched when the host has prepared the step, the
 * others while it runs, and the last one cannot end before the host has launched it. A step that is one graph is
 * launched at once.
 *
 * @param device The device; moves on.
 * @param work What the step asks.
 * @param scheduledUs When the host began with it.
 * @param clock How the clock falls, null when it does not.
 * @returns When the host is free again and when the device has done the step, in microseconds.
 *
 * @example
 * ```ts
 * import { restedDevice, runStep } from "./timeline.ts";
 * import assert from "node:assert/strict";
 * const work = { rowsUs: 5000, gapUs: 100, hostUs: 2000, prepareUs: 2000, computeBound: false };
 * assert.deepEqual(runStep(restedDevice(), work, 0, null), { hostFreeUs: 2000, endUs: 7100 });
 * ```
 */
export function runStep(
  device: Device,
  work: StepWork,
  scheduledUs: number,
  clock: ClockTerm | null,
): { hostFreeUs: number; endUs: number } {
  const hostFreeUs = scheduledUs + work.hostUs;
  const startUs = Math.max(device.freeUs, scheduledUs + work.prepareUs);
  let runUs = work.rowsUs;
  if (clock !== null) {
    device.warmUs = Math.max(0, device.warmUs - (startUs - device.freeUs));
    if (work.computeBound) {
      const coolUs = Math.min(runUs, clock.onsetUs - device.warmUs);
      runUs += (runUs - coolUs) * clock.slowdown;
      device.warmUs = Math.min(clock.onsetUs, device.warmUs + runUs);
    } else {
      device.warmUs = Math.max(0, device.warmUs - runUs);
    }
  }
  const endUs = startUs + runUs + work.gapUs;
  device.freeUs = Math.max(endUs, hostFreeUs);
  return { hostFreeUs, endUs: device.freeUs };
}
