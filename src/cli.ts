/**
 * The command line: `deno task shotlab <command> --help`.
 *
 * @module
 */
import { abortOnInterrupt } from "./cli/interrupt.ts";
import { main } from "./cli/main.ts";
import { processTerminal } from "./cli/terminal.ts";

const encoder = new TextEncoder();
const signal = abortOnInterrupt((text) => Deno.stderr.writeSync(encoder.encode(text)));
Deno.exit(await main(Deno.args, processTerminal(signal)));
