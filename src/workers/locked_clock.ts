/**
 * Whether an engine's device has the clock that was asked for.
 *
 * @module
 */
import { HarnessError } from "../errors.ts";
import type { Booted, BootRequest } from "../harness/harness.ts";

/**
 * Refuses an engine whose clock is not the one that was asked for.
 *
 * @param harness The harness that booted it.
 * @param request What was asked.
 * @param booted What it came to.
 * @throws {HarnessError} when the harness does not say that it locked the clock.
 */
export function refuseUnlocked(
  harness: string,
  { clock_mhz: asked, tp }: Pick<BootRequest, "clock_mhz" | "tp">,
  { conditions }: Pick<Booted, "conditions">,
): void {
  if (asked === undefined || conditions?.clock_mhz === asked) return;
  throw new HarnessError(
    `Harness '${harness}' cannot boot tp ${tp} with the clock locked at ${asked} MHz: it does not say that it ` +
      "locked it; leave --clock out, or use a harness that can (vllm, on an NVIDIA GPU that you may lock)",
    { stage: "boot", kind: "unsupported" },
  );
}
