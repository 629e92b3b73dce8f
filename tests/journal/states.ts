import type { JournalLine } from "../../src/journal/line.ts";

/** The line of a device's state of which the clock alone is known. */
export function stateAt(sm_clock_mhz: number | null): Extract<JournalLine, { type: "state" }> {
  return {
    type: "state",
    sm_clock_mhz,
    memory_clock_mhz: null,
    temperature_c: null,
    power_w: null,
    throttle: [],
  };
}
