/**
 * What stands behind the rows of a bundle: how often each was sampled, how far apart the samples lie, why there are no
 * more of them, and what the device was like.
 *
 * @module
 */
import type { Stop } from "../harness/harness.ts";
import { JOURNAL_FILE, readJournal } from "./file.ts";
import { newJudge } from "./judge.ts";
import type { JournalLine } from "./line.ts";
import { type ShotId, shotText } from "../shots/shot_id.ts";
import { median, relativeSpread } from "../stats.ts";

/** The evidence of one row: a layer of a shot, or a part of a skew case. */
export interface RowEvidence {
  /** How many samples its time is the median of. */
  readonly samples: number;
  /** Their standard deviation as a share of the median; null for fewer than two. */
  readonly spread: number | null;
  /** Why there are no more; null when the harness did not tell. */
  readonly stop: Stop | null;
  /** Clock of the multiprocessors before it was measured, in MHz; null when the device did not tell. */
  readonly clockMhz: number | null;
  /** Names of the device kernels of one forward in their order; null when the harness did not tell. */
  readonly kernels: readonly string[] | null;
  /** Median in microseconds with each kernel counted in full, where kernels overlap; null where they do not. */
  readonly kernelSumUs: number | null;
  /** How often the shot was recorded: until its forwards agreed in their kernels, and at a clock that had not fallen. */
  readonly recordings: number;
}

/** The evidence of a shot. */
export interface ShotEvidence extends ShotId {
  /** Its rows, by layer or part. */
  readonly rows: Readonly<Record<string, RowEvidence>>;
  /** How often it was measured; the rows are from the last time. */
  readonly measured: number;
  /** The clock in MHz right before its first forward and right behind its last one; null where none was counted. */
  readonly clocksMhz: { readonly before: number; readonly behind: number } | null;
  /** Whether its times are in doubt: the device drifted, or no sentinel came after them. */
  readonly inDoubt: boolean;
  /** Whether it is not in doubt, but began at the device's full clock and lowered it itself. */
  readonly lowersClock: boolean;
}

/**
 * Gathers the evidence of a journal.
 *
 * @param lines Its lines, in their order.
 * @returns The shots that were measured, by the order in which they first were.
 *
 * @example
 * ```ts
 * import { evidenceOf } from "./evidence.ts";
 * import assert from "node:assert/strict";
 * const shot = { type: "shot", category: "dense", tp: 1, key: [16], samples: { embedding: [3, 3, 3] } } as const;
 * const [found] = evidenceOf([shot]);
 * assert.equal(found!.rows.embedding!.samples, 3);
 * assert.equal(found!.rows.embedding!.spread, 0);
 * ```
 */
export function evidenceOf(lines: Iterable<JournalLine>): ShotEvidence[] {
  const gathering = gather();
  for (const line of lines) gathering.take(line);
  return gathering.found();
}

/**
 * Gathers the evidence of a bundle.
 *
 * @param dir The bundle's folder.
 * @returns The shots that were measured; none of a bundle without a journal.
 * @throws {UsageError} when the journal cannot be read, or is of a newer format.
 *
 * @example
 * ```ts
 * import { readEvidence } from "shotlab";
 * import assert from "node:assert/strict";
 * const shots = await readEvidence("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const found = shots.find(({ category, tp, key }) => category === "dense" && tp === 1 && key[0] === 16);
 * assert.ok(found !== undefined && !found.inDoubt);
 * ```
 */
export async function readEvidence(dir: string): Promise<ShotEvidence[]> {
  const gathering = gather();
  await readJournal(`${dir}/${JOURNAL_FILE}`, gathering.take);
  return gathering.found();
}

function gather(): { take(line: JournalLine): void; found(): ShotEvidence[] } {
  const shots = new Map<string, Omit<ShotEvidence, "inDoubt" | "lowersClock">>();
  const names = new Map<string, string>();
  const judge = newJudge();
  const clocks = new Map<string, number | null>();
  return {
    take(line): void {
      judge.take(line);
      switch (line.type) {
        case "session":
          return clocks.clear();
        case "state":
          clocks.set(line.lane ?? "", line.sm_clock_mhz);
          return;
        case "kernels":
          for (const [hash, name] of Object.entries(line.names)) names.set(hash, name);
          return;
        case "shot": {
          const {
            category,
            tp,
            key,
            samples,
            stop = null,
            kernels = {},
            kernel_sums = {},
            recordings = 1,
            shot_clocks_mhz: counted,
            lane,
          } = line;
          const text = shotText(line);
          const before = shots.get(text);
          const rows = Object.entries(samples).map(([layer, values]) => [layer, {
            samples: values.length,
            spread: relativeSpread(values),
            stop,
            clockMhz: clocks.get(lane ?? "") ?? null,
            kernels: kernels[layer]?.map((hash) => names.get(hash) ?? hash) ?? null,
            kernelSumUs: kernel_sums[layer] === undefined ? null : median(kernel_sums[layer]),
            recordings,
          }]);
          shots.set(text, {
            ...{ category, tp, key },
            rows: { ...before?.rows, ...Object.fromEntries(rows) },
            measured: (before?.measured ?? 0) + 1,
            clocksMhz: counted === undefined ? null : { before: counted[0], behind: counted[1] },
          });
        }
      }
    },
    found(): ShotEvidence[] {
      judge.end();
      return [...shots].map(([text, shot]) => ({
        ...shot,
        inDoubt: judge.has(text),
        lowersClock: judge.lowersClock(text),
      }));
    },
  };
}
