/**
 * Which pc the table of a fit has rows for.
 *
 * A simulator looks a bucket up by the pc of the batch as it is: any number of tokens up to its budget, of which a
 * sweep profiles a few. The others have rows too, or they get the fallback.
 *
 * @module
 */
import type { BucketAxes } from "../bundle/meta_blocks.ts";
import { binOf } from "../predict/bucket.ts";

/**
 * Which pc get rows: `profiled` ones only; `common` ones, which are multiples of 128 and, for each number of
 * decodes, the chunk that fills the token budget; or `all` up to the budget.
 */
export type PrefillGrid = "profiled" | "common" | "all";

/** Prompts in simulations tend to be powers of two long: their sums are multiples of this. */
const STEP = 128;

/** A pc, and the bins of the number of decodes that it has rows for. */
export interface PcEntry {
  /** New tokens of all prefills. */
  readonly pc: number;
  /** The bins by index, null for every bin. */
  readonly nBins: ReadonlySet<number> | null;
}

/**
 * Lists the pc of a table.
 *
 * @param values Which ones.
 * @param profiled Every pc of the cases; the largest is taken for the token budget.
 * @param axes The axes; the largest n is taken for the most decodes of a batch.
 * @returns The pc, ascending.
 */
export function pcEntries(values: PrefillGrid, profiled: readonly number[], axes: BucketAxes): PcEntry[] {
  const budget = Math.max(...profiled);
  const bins = new Map<number, Set<number> | null>();
  if (values === "all") {
    // A prefill has at least two new tokens.
    for (let pc = 2; pc <= budget; pc++) bins.set(pc, null);
  }
  if (values === "common") {
    const mostDecodes = axes.n_bins.at(-2)!;
    for (let n = 2; n <= Math.min(mostDecodes, budget - 2); n++) {
      bins.set(budget - n, new Set([binOf(axes.n_bins, n)]));
    }
    for (let pc = STEP; pc <= budget; pc += STEP) bins.set(pc, null);
  }
  for (const pc of profiled) bins.set(pc, null);
  return Array.from(bins, ([pc, nBins]) => ({ pc, nBins })).sort((a, b) => a.pc - b.pc);
}
