/**
 * What the command line has around it.
 *
 * @module
 */
import process from "node:process";
import { printableLines } from "../printable.ts";
import { styleText } from "node:util";

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
  /** Characters of a line; 80 where there is no terminal. @default {80} */
  readonly columns?: number;
  /** Whether colours are seen, on standard output and on standard error. @default neither */
  readonly colors?: { readonly out: boolean; readonly err: boolean };
  /** Asks a question that is answered by yes or no; absent where nobody sits. */
  readonly confirm?: (question: string) => boolean;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

/** What a process has around it. */
export interface Surroundings {
  /** Standard input. */
  readonly stdin: Pick<typeof Deno.stdin, "isTerminal">;
  /** Standard output. */
  readonly stdout: Pick<typeof Deno.stdout, "isTerminal" | "writeSync">;
  /** Standard error. */
  readonly stderr: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">;
  /** Characters of a line of the terminal, where there is one. */
  readonly columns: number | undefined;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The process's own.
 *
 * @param signal Aborts when the user wants to stop.
 * @param around What is around the process. @default this one
 * @returns The terminal.
 */
export function processTerminal(
  signal: AbortSignal,
  { stdin, stdout, stderr, columns, env }: Surroundings = {
    stdin: Deno.stdin,
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    columns: process.stdout.columns,
    env: Deno.env.toObject(),
  },
): Terminal {
  const encoder = new TextEncoder();
  return {
    out: (text) => writeAll(stdout, encoder.encode(text)),
    err: (text) => writeAll(stderr, encoder.encode(text)),
    errStream: process.stderr,
    columns: (Number(env["COLUMNS"]) || columns) ?? 80,
    colors: {
      out: seesColors(env, stdout.isTerminal()),
      err: seesColors(env, stderr.isTerminal()),
    },
    ...stdin.isTerminal() && stdout.isTerminal() && { confirm },
    env,
    signal,
  };
}

/**
 * A terminal that takes texts of anybody: of files, workers and engines too.
 *
 * @param terminal The terminal.
 * @returns One that shows control characters as what they are, but for line feeds, tabs and colours that are seen.
 */
export function safeTerminal(terminal: Terminal): Terminal {
  const { out, err, colors } = terminal;
  return {
    ...terminal,
    out: (text) => out(printableLines(text, colors?.out)),
    err: (text) => err(printableLines(text, colors?.err)),
  };
}

/**
 * Whether a stream shows colours.
 *
 * @param env Environment variables: FORCE_COLOR (not `0`) wants them everywhere, NO_COLOR nowhere, TERM=dumb has none.
 * @param isTerminal Whether the stream is a terminal.
 * @returns Whether it does.
 */
function seesColors(env: Readonly<Record<string, string>>, isTerminal: boolean): boolean {
  const { FORCE_COLOR: force = "", NO_COLOR: none = "", TERM: kind } = env;
  if (force !== "") return force !== "0";
  return none === "" && kind !== "dumb" && isTerminal;
}

/**
 * Colours a text.
 *
 * @param format A name of a colour or style.
 * @param text The text.
 * @param seen Whether colours are seen.
 * @returns The text, as it was where they are not.
 */
export function colored(format: "red" | "yellow" | "green" | "bold", text: string, seen = false): string {
  return seen ? styleText(format, text, { validateStream: false }) : text;
}

/** Writes all of it; a reader that has left, such as `head`, wants no more. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
