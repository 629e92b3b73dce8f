/**
 * Whether a host has cores for work beside a measurement.
 *
 * @module
 */

/** The worker's thread that launches, ours that tells it what to do, and one each for what goes on beside them. */
const LEAST_CORES = 4;

/**
 * Whether work of this host beside a measurement takes nothing from it: on fewer than four cores it would.
 *
 * @param cores Cores of the host. @default {those of this one}
 * @returns Whether there are cores to spare.
 *
 * @example
 * ```ts
 * import { hasSpareCores } from "./spare_cores.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([2, 3, 4, 16].map(hasSpareCores), [false, false, true, true]);
 * ```
 */
export function hasSpareCores(cores: number = navigator.hardwareConcurrency): boolean {
  return cores >= LEAST_CORES;
}
