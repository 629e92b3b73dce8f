/**
 * What is measured of a shot, and how exactly.
 *
 * @module
 */

/** What can be summed or clocked: device kernels, device events, the host's monotonic clock, or a formula's estimate. */
export const QUANTITIES = ["kernel", "event", "wall", "estimate"] as const satisfies readonly Quantity[];

/** What is summed or clocked; one of {@linkcode QUANTITIES}. */
export type Quantity = "kernel" | "event" | "wall" | "estimate";

/** When a shot has enough samples: the standard error of every layer's median is small enough. */
export interface Precision {
  /** Largest standard error of the median, as a share of the median. */
  readonly relative: number;
  /** Samples taken at least. */
  readonly min: number;
  /** Samples taken at most. */
  readonly max: number;
}
