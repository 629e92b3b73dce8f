/**
 * Whether a harness meets the protocol.
 *
 * @module
 */
import { type Bench, type BenchOptions, openBench } from "./bench.ts";
import { type Check, DoesNotApply } from "./check.ts";
import { NotMet, Silent } from "./dialogue.ts";
import { END_CHECKS } from "./end_checks.ts";
import { FIRE_CHECKS } from "./fire_checks.ts";
import { TALK_CHECKS } from "./talk_checks.ts";

/** What came of a check. */
export interface Finding {
  /** Short name of the rule. */
  readonly id: string;
  /** The rule, in words that follow "The harness". */
  readonly rule: string;
  /** Whether it is met, or does not apply. */
  readonly status: "passed" | "failed" | "skipped";
  /** What was found in its place, or why it does not apply. */
  readonly detail?: string;
}

/** All checks, in the order in which they are run. */
export const CHECKS: readonly Check[] = [...TALK_CHECKS, ...FIRE_CHECKS, ...END_CHECKS];

/** What the checks after them rest on: a harness that says nothing here says nothing there, each time for as long. */
const FIRST_WORDS: readonly string[] = ["hello", "boot", "fire-dense"];

/**
 * Runs a harness through the protocol: hello, boot, every category, errors, the end of its input and a kill. A check
 * that fails ends the process; the next one starts another. When hello, the boot or the first shots get no answer in
 * time, the rest is skipped.
 *
 * @param options The harness, a small model that it can boot, and how long it may take.
 * @returns A finding per check, as it comes.
 * @throws {HarnessError} when the program cannot be started.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { conformance } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const model = await loadModel("Qwen/Qwen3-0.6B");
 * const options = { argv: ["no-such-program"], model, bootTimeoutS: 60, shotTimeoutS: 60 };
 * await assert.rejects(Array.fromAsync(conformance(options)), { name: "HarnessError" });
 * ```
 */
export async function* conformance(options: BenchOptions): AsyncGenerator<Finding> {
  await using bench = openBench(options);
  yield* tryAll(bench);
}

/**
 * Tries every check on a bench.
 *
 * @param bench The bench; it is left open.
 * @returns A finding per check, as it comes.
 */
export async function* tryAll(bench: Bench): AsyncGenerator<Finding> {
  let silentAt: string | undefined;
  for (const { id, rule, run } of CHECKS) {
    if (silentAt !== undefined) {
      yield { id, rule, status: "skipped", detail: `not tried after the silence at ${silentAt}` };
      continue;
    }
    try {
      await run(bench);
      yield { id, rule, status: "passed" };
    } catch (error) {
      if (error instanceof DoesNotApply) yield { id, rule, status: "skipped", detail: error.message };
      else if (error instanceof NotMet) {
        bench.spoil();
        if (error instanceof Silent && FIRST_WORDS.includes(id)) silentAt = id;
        yield { id, rule, status: "failed", detail: error.message };
      } else throw error;
    }
  }
}
