/**
 * The command line: `deno task shotlab <command> --help`.
 *
 * @module
 */
import { abortOnInterrupt } from "./cli/interrupt.ts";
import { main, measures } from "./cli/main.ts";
import { processTerminal } from "./cli/terminal.ts";

const encoder = new TextEncoder();
const signal = measures(Deno.args)
  ? await abortOnInterrupt((text) => Deno.stderr.writeSync(encoder.encode(text)))
  : new AbortController().signal;
Deno.exit(await main(Deno.args, processTerminal(signal)));
