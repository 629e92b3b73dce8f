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
