/** What a soak came to, in words. */
import type { Chaos } from "./chaos.ts";
import type { Counted } from "./checks.ts";
import { growthOf, type MemorySample } from "./memory.ts";

/** What a soak came to. */
export interface SoakReport extends Chaos, Counted {
  /** Shots that were to be measured. */
  readonly planned: number;
  /** What does not hold, in sentences. */
  readonly faults: readonly string[];
}

/** Says what a soak came to. */
export function formatReport(report: SoakReport): string {
  const { planned, shots, repeated, starts, seconds, memory, faults } = report;
  const { perJournalByte, perMinute } = growthOf(memory);
  const peak = megabytes(Math.max(...memory.map(({ bytes }) => bytes)));
  const outlived = report.longestOrphanS.toFixed(1);
  return [
    `${shots} of ${planned} shots measured, ${repeated} more than once, in ${Math.round(seconds)} s`,
    `${report.workersKilled} workers and ${report.parentsKilled} runs killed, ${starts} starts ` +
    `(${report.ends.length} ended before their time), ${report.sessions} sessions, ${report.sentinels} sentinels`,
    `${report.failures} shots failed on the way, ${report.unmeasured} were never measured`,
    `${report.orphans} orphans; a worker outlived its run by ${outlived} s at most`,
    `Memory of the run: ${peak} MB at most, by tenths of the time ${tenths(memory, seconds).join(", ")}`,
    `It grows by ${perJournalByte.toFixed(1)} bytes with each byte of the journal, and beside that by ` +
    `${megabytes(perMinute)} MB with each minute of a run's age`,
    ...[...Map.groupBy(report.ends, (words) => words)].map(([words, { length }]) =>
      `${length} x ${words.trim()}`
    ),
    ...faults.length === 0 ? ["Everything holds"] : faults.slice(0, 20).map((fault) => `FAULT: ${fault}`),
    "",
  ].join("\n");
}

function tenths(memory: readonly MemorySample[], seconds: number): string[] {
  return Array.from({ length: 10 }, (_, tenth) => {
    const inside = memory.filter(({ atS }) => Math.floor(10 * atS / seconds) === tenth);
    return inside.length === 0 ? "-" : megabytes(Math.max(...inside.map(({ bytes }) => bytes)));
  });
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(Math.abs(bytes) < 1e7 ? 1 : 0);
}
