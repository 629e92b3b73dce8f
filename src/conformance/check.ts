/**
 * What a check of a harness is.
 *
 * @module
 */
import type { Bench } from "./bench.ts";

/** Why a rule does not apply to a harness. */
export class DoesNotApply extends Error {
  /** The class's name. */
  override name = "DoesNotApply";
}

/** One rule of the protocol and how it is tried. */
export interface Check {
  /** Short name. */
  readonly id: string;
  /** The rule, in words that follow "The harness". */
  readonly rule: string;
  /**
   * Tries it.
   *
   * @throws {NotMet} when the harness does not meet the rule.
   * @throws {DoesNotApply} when it need not.
   */
  readonly run: (bench: Bench) => Promise<void>;
}
