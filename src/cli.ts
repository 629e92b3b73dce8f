/**
 * The command line: `deno task shotlab <command> --help`.
 *
 * @module
 */
import { abortOnInterrupt } from "./cli/interrupt.ts";
import { main } from "./cli/main.ts";
import { processTerminal } from "./cli/terminal.ts";

/**
 * Runs a command in this process: its streams, its environment, its signals.
 *
 * @param args The command line's words.
 * @returns The exit status.
 */
export async function cli(args: readonly string[]): Promise<number> {
  const encoder = new TextEncoder();
  const signal = abortOnInterrupt((text) => Deno.stderr.writeSync(encoder.encode(text)));
  return await main(args, processTerminal(signal));
}

if (import.meta.main) Deno.exit(await cli(Deno.args));
