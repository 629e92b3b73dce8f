/**
 * What the project's own scripts share: how they read their command line, and what they say when it is wrong.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { gunzipSync } from "node:zlib";
import type { z } from "zod";
import { reportError } from "../src/cli/report_error.ts";
import { UsageError } from "../src/errors.ts";
import { readBytes, readText } from "../src/files/read.ts";
import { printableLines } from "../src/printable.ts";
import { readJson } from "../src/shots/read_json.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** How a script is called. */
export interface Script<O extends Options> {
  /** Its name, words and options, as its help shows them. */
  readonly usage: string;
  /** Its options, as `parseArgs` knows them. @default none */
  readonly options?: O;
  /** How many words it takes: at least, and at most. @default none */
  readonly words?: readonly [least: number, most: number];
}

/** The values of a script's options. */
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true }>
>["values"];

/**
 * Runs a script. Wrong use, such as an unknown option or a file that is not there, is told in one line; the exit status
 * is then 2. What else is thrown is a fault of the script: it ends the process with its stack.
 *
 * @param script How it is called.
 * @param body What it does with the values of its options and its words; what it returns is the exit status.
 * @param args The command line, the program's name left out. @default the process's
 */
export async function runScript<const O extends Options = Record<never, never>>(
  { usage, options, words: [least, most] = [0, 0] }: Script<O>,
  body: (values: Values<O>, ...words: string[]) => Promise<number | void> | number | void,
  args: readonly string[] = Deno.args,
): Promise<void> {
  const say = (stream: typeof Deno.stdout, text: string): number =>
    stream.writeSync(new TextEncoder().encode(printableLines(text)));
  if (args.includes("--help")) return void say(Deno.stdout, `Usage: ${usage}\n`);
  try {
    const { values, positionals } = parsed({ args: [...args], options: options ?? {} as O, usage });
    if (positionals.length < least || positionals.length > most) throw new UsageError(`Usage: ${usage}`);
    Deno.exitCode = await body(values, ...positionals) ?? 0;
  } catch (error) {
    const told = isOfFile(error) ? new UsageError(error.message, { cause: error }) : error;
    if (!isTold(told)) throw error;
    const { status, text } = reportError(told, { cancelled: false, verbose: false });
    say(Deno.stderr, text);
    Deno.exitCode = status;
  }
}

/** The words and options of a command line. */
function parsed<O extends Options>(
  { usage, ...config }: { readonly args: string[]; readonly options: O; readonly usage: string },
): ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>> {
  try {
    return parseArgs({ ...config, allowPositionals: true });
  } catch (cause) {
    const reason = (cause as Error).message.split(/\. |\n/)[0];
    throw new UsageError(`${reason}. Usage: ${usage}`, { cause });
  }
}

/** Whether an error is told in a line: of use, of a harness, and of files that are not there or cannot be written. */
function isTold(error: unknown): boolean {
  return error instanceof Error && ["UsageError", "HarnessError"].includes(error.name);
}

function isOfFile(error: unknown): error is Error {
  const { NotFound, PermissionDenied, NotADirectory, IsADirectory, AlreadyExists } = Deno.errors;
  return [NotFound, PermissionDenied, NotADirectory, IsADirectory, AlreadyExists]
    .some((kind) => error instanceof kind);
}

/**
 * Reads a file of JSON.
 *
 * @param path The file; one that ends in `.gz` is unpacked.
 * @param schema The shape.
 * @returns The value.
 * @throws {UsageError} when it cannot be read, is no JSON or has another shape.
 */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = path.endsWith(".gz") ? await readPacked(path) : await readText(path);
  return readJson(schema, text, (rule) => new UsageError(`Cannot read ${path}: ${rule}`));
}

async function readPacked(path: string): Promise<string> {
  const packed = await readBytes(path);
  try {
    return new TextDecoder().decode(gunzipSync(packed, { maxOutputLength: 2 ** 28 }));
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads lines of JSON.
 *
 * @param text The lines; a last one that was cut, as it has no line feed, does not count.
 * @param path The file, for messages.
 * @param schema The shape of a line.
 * @returns The values.
 * @throws {UsageError} when there is none, or for the first that is no JSON or has another shape.
 */
export function readJsonLines<T>(text: string, path: string, schema: z.ZodType<T>): [T, ...T[]] {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
  const [first, ...rest] = lines.map((line, at) =>
    readJson(schema, line, (rule) => new UsageError(`Cannot read ${path}, line ${at + 1}: ${rule}`))
  );
  if (first === undefined) throw new UsageError(`Cannot read ${path}: it must have a line of JSON at least`);
  return [first, ...rest];
}
