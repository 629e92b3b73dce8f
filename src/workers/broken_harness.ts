/**
 * What follows from a harness that broke: errors, and the outcome of the shot in flight.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import type { HarnessInfo, ShotOutcome } from "../harness/harness.ts";
import { kindDifferences } from "./same_kind.ts";

/**
 * Sees to it that what takes the place of a broken harness measures the same thing.
 *
 * @param before Who answered before.
 * @param now Who answers now.
 * @throws {UsageError} when engines or devices differ.
 */
export function refuseOther(before: HarnessInfo, now: HarnessInfo): void {
  const differences = kindDifferences([
    { name: "the one that broke", info: before },
    { name: "the new one", info: now },
  ]);
  if (differences.length === 0) return;
  throw new UsageError(
    `Cannot replace the harness that broke by another kind (${differences.join("; ")}); ` +
      `run again where it is the same, or with allowMixed (--allow-mixed), which is recorded`,
  );
}

/**
 * An engine that answers no more.
 *
 * @param message How that showed.
 * @returns The error.
 */
export function engineDead(message: string): HarnessError {
  return new HarnessError(`The engine died: ${message}`, { stage: "fire", kind: "engine_dead" });
}

/**
 * What ends a lane that is not replaced any more.
 *
 * @param cause How its harness broke at last.
 * @param breaks How often one broke without a measured shot between.
 * @returns The error.
 */
export function gaveUp(cause: HarnessError, breaks: number): HarnessError {
  const message =
    `Cannot go on: the harness broke ${breaks} times without a measured shot between, at last: ${cause.message}`;
  return new HarnessError(message, cause.details, { cause });
}

/**
 * What became of a shot whose harness broke twice.
 *
 * @param error How it broke.
 * @returns The outcome.
 */
export function failure({ details, message }: HarnessError): ShotOutcome {
  return {
    status: "failed",
    index: 0,
    kind: details.kind === "timeout" ? "timeout" : "engine_dead",
    message,
  };
}
