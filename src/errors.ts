/**
 * The errors that a caller may want to tell apart. Everything else is a built-in error.
 *
 * @module
 */

/** Wrong use: a setting, a model or a file that breaks a rule. The command line exits with 2. */
export class UsageError extends Error {
  /** The class's name. */
  override name = "UsageError";
}

/**
 * An error that says what was wrong with the use; any other is no answer, but a fault that goes on.
 *
 * @param error What was caught.
 * @returns The error.
 * @throws what was caught, when it is no {@linkcode UsageError}.
 *
 * @example
 * ```ts
 * import { usageErrorOf } from "./errors.ts";
 * import { UsageError } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(usageErrorOf(new UsageError("no such model")).message, "no such model");
 * assert.throws(() => usageErrorOf(new TypeError("a fault")), TypeError);
 * ```
 */
export function usageErrorOf(error: unknown): UsageError {
  if (error instanceof UsageError) return error;
  throw error;
}

/**
 * What work gives, or what stands in its place where it is refused as wrong use.
 *
 * @param work The work.
 * @param otherwise What stands in its place.
 * @returns One of them.
 * @throws what the work throws, when it is no {@linkcode UsageError}.
 *
 * @example
 * ```ts
 * import { unlessMisused } from "./errors.ts";
 * import { loadModel } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(await unlessMisused(loadModel("no/such", { download: false }), null), null);
 * assert.equal(await unlessMisused(Promise.resolve(1), null), 1);
 * await assert.rejects(unlessMisused(Promise.reject(new TypeError("a fault")), null), TypeError);
 * ```
 */
export async function unlessMisused<T, U>(work: Promise<T>, otherwise: U): Promise<T | U> {
  return await work.catch((error: unknown) => {
    if (error instanceof UsageError) return otherwise;
    throw error;
  });
}

/** What a {@linkcode HarnessError} knows about the process behind it. */
export interface HarnessErrorDetails {
  /** What was going on: `spawn`, `hello`, `boot`, `fire` or `shutdown`. */
  stage: "spawn" | "hello" | "boot" | "fire" | "walk" | "shutdown";
  /** The failure's kind, as the protocol names it. */
  kind?: string;
  /** Exit code of the process, when it has ended by itself. */
  exitCode?: number;
  /** Signal that ended the process. */
  signal?: string;
  /** The last lines that it wrote on stderr. */
  stderrTail?: string;
  /** The original text of the failure. */
  detail?: string;
}

/** A harness that could not be started, broke the protocol, stopped answering or died. */
export class HarnessError extends Error {
  /** The class's name. */
  override name = "HarnessError";
  /** Facts about the failure. */
  readonly details: HarnessErrorDetails;

  /**
   * Describes a failure.
   *
   * @param message What was tried, the rule and what happened instead.
   * @param details Facts about the failure.
   * @param options `cause`, when another error led to this one.
   */
  constructor(message: string, details: HarnessErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.details = details;
  }
}
