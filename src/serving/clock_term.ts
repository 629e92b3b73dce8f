/**
 * How a device's clock falls at its power limit, learned from prompts in a queue.
 *
 * @module
 */
import { median } from "../stats.ts";
import type { ClockTerm } from "./timeline.ts";

/** What of a step tells the clock; times in microseconds. */
export interface QueuedStep {
  /** Whether its GEMMs keep the device's arithmetic busy. */
  readonly computeBound: boolean;
  /** Time of its layers at the full clock. */
  readonly rowsUs: number;
  /** The device's own time of the step, null when it waited for the host. */
  readonly deviceUs: number | null;
}

/** Fewer steps in a row tell nothing. */
const FEW = 8;
/** A device that takes less than this longer in a queue has kept its clock. */
const CLOCK_FALLS = 0.03;

/**
 * How the clock falls, by prompts in a queue: steps in a row that are bound by arithmetic and longer than what the host
 * needs.
 *
 * @param parts The steps of each part, in their order.
 * @param hostUs What the host needs for a step of single kernels, in microseconds.
 * @returns The term, null where it does not fall or too few steps tell.
 */
export function clockTerm(parts: readonly (readonly QueuedStep[])[], hostUs: number): ClockTerm | null {
  const ratios: number[] = [];
  const onsets: number[] = [];
  for (const part of parts) {
    let atWorkUs = 0;
    let run: { ratio: number; rowsUs: number; atWorkUs: number }[] = [];
    const end = (): void => {
      if (run.length >= FEW) {
        const late = run.slice(run.length >> 1).map(({ ratio }) => ratio);
        const slowdown = median(late) - 1;
        ratios.push(...late);
        if (slowdown >= CLOCK_FALLS) onsets.push(onsetOf(run, slowdown));
      }
      run = [];
      atWorkUs = 0;
    };
    for (const { computeBound, deviceUs, rowsUs } of part) {
      if (!computeBound || rowsUs < hostUs) {
        end();
        continue;
      }
      if (deviceUs !== null) run.push({ ratio: deviceUs / rowsUs, rowsUs, atWorkUs });
      atWorkUs += deviceUs ?? rowsUs;
    }
    end();
  }
  if (ratios.length < FEW) return null;
  const slowdown = median(ratios) - 1;
  return slowdown < CLOCK_FALLS ? null : { slowdown, onsetUs: onsets.length === 0 ? 0 : median(onsets) };
}

/** Within the first step that shows the fall; the less of it, the later. */
function onsetOf(
  run: readonly { readonly ratio: number; readonly rowsUs: number; readonly atWorkUs: number }[],
  slowdown: number,
): number {
  const first = run.find(({ ratio }) => ratio > 1 + slowdown / 4);
  if (first === undefined) return 0;
  const cool = Math.max(0, 1 - (first.ratio - 1) / slowdown);
  return first.atWorkUs + cool * first.rowsUs;
}
