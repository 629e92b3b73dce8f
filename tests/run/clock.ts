/** A clock that passes with boots and shots alone, so that what a run does with time depends on no machine. */
import type { Harness } from "../../src/harness/harness.ts";
import { fakeHarness } from "./fakes.ts";

/** Seconds that a boot takes. */
export const BOOT_S = 7;

/** Calls with a fake that takes 7 s to boot and some seconds a shot. */
export async function clocked<T>(
  use: (open: () => Promise<Harness>) => Promise<T>,
  { shotS = 1, bootS = BOOT_S } = {},
): Promise<T> {
  const usual = performance.now;
  let nowS = 100;
  try {
    performance.now = () => 1000 * nowS;
    return await use(() =>
      Promise.resolve(fakeHarness({
        bootFails: () => (nowS += bootS, false),
        mishap: () => (nowS += shotS, undefined),
        facts: () => [{ type: "cost", device_busy_us: 250_000, wall_us: 1e6 }],
      }))
    );
  } finally {
    performance.now = usual;
  }
}
