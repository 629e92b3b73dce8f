/**
 * What the command line has around it.
 *
 * @module
 */
import process from "node:process";

/** A stream that may be a terminal. */
export type TerminalStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The streams, the environment and the signal of one call of the command line. */
export interface Terminal {
  /** Writes to standard output. */
  readonly out: (text: string) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  /** Standard error as a stream for what draws in place, null when nothing may. */
  readonly errStream: TerminalStream | null;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

/**
 * The process's own.
 *
 * @param signal Aborts when the user wants to stop.
 * @returns The terminal.
 */
export function processTerminal(signal: AbortSignal): Terminal {
  const encoder = new TextEncoder();
  return {
    out: (text) => writeAll(Deno.stdout, encoder.encode(text)),
    err: (text) => writeAll(Deno.stderr, encoder.encode(text)),
    errStream: process.stderr,
    env: Deno.env.toObject(),
    signal,
  };
}

/** Writes all of it; a reader that has left, such as `head`, wants no more. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
