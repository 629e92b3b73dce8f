/**
 * What the command line says of an error, and the exit status that it stands for.
 *
 * @module
 */
import { CommanderError } from "commander";
import { HarnessError, UsageError } from "../errors.ts";
import { CANCELLED, Cancelled, CANCELLED_TEXT } from "./interrupt.ts";

/** Data error: an invalid bundle, failed shots left, an engine that does not boot. */
export const FAILED = 1;

/** Wrong use: settings, files. */
const WRONG_USE = 2;

/** An error as the command line reports it. */
export interface Report {
  /** Exit status. */
  readonly status: number;
  /** What standard error gets, with a final line feed; empty when it was told already. */
  readonly text: string;
}

/**
 * Reports an error.
 *
 * @param error What was thrown.
 * @param options `cancelled`: whether the user asked to stop; `verbose`: whether the stack is wanted.
 * @returns One or two lines, the stack below them if wanted, and the exit status.
 */
export function reportError(
  error: unknown,
  { cancelled, verbose }: { readonly cancelled: boolean; readonly verbose: boolean },
): Report {
  if (error instanceof CommanderError) return { status: error.exitCode === 0 ? 0 : WRONG_USE, text: "" };
  if (cancelled) {
    const text = error instanceof Cancelled ? `Cancelled; ${error.message}\n` : CANCELLED_TEXT;
    return { status: CANCELLED, text };
  }
  const stack = verbose && error instanceof Error ? `${error.stack}\n` : "";
  if (error instanceof UsageError) return { status: WRONG_USE, text: `error: ${error.message}\n${stack}` };
  if (error instanceof HarnessError) {
    return { status: FAILED, text: `error: ${error.message}\n${lastWords(error)}${stack}` };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const hint = verbose ? "" : "--verbose shows where it comes from\n";
  return { status: FAILED, text: `error: ${message}\n${hint}${stack}` };
}

/** The original text of a failure, or else the last line that the harness logged, where the message lacks it. */
function lastWords({ message, details: { detail, stderrTail } }: HarnessError): string {
  const words = (detail ?? stderrTail ?? "").trim().split("\n").at(-1)!;
  return message.endsWith(words) ? "" : `  ${words}\n`;
}
