// deno-lint-ignore-file no-console
/**
 * From a fresh clone to a first bundle: sets up, then profiles a small model's layers on this machine.
 *
 * @module
 */
import { abortOnInterrupt } from "../src/cli/interrupt.ts";
import { reportError } from "../src/cli/report_error.ts";
import { processTerminal, safeTerminal } from "../src/cli/terminal.ts";
import { firstRun } from "./quickstart/first_run.ts";
import { refuseLittleMemory } from "./quickstart/memory.ts";
import { readRequest } from "./quickstart/request.ts";
import { setup } from "./setup.ts";

/** Set-up ends at once when it is interrupted; measuring saves what it has. */
const terminal = safeTerminal(processTerminal(new AbortController().signal));
let signal = terminal.signal;
try {
  const request = readRequest(Deno.args, terminal);
  if (request.isHere) {
    refuseLittleMemory();
    await setup({ dev: false, say: console.log });
  }
  signal = await abortOnInterrupt(terminal.err);
  Deno.exit(await firstRun(request, { ...terminal, signal }));
} catch (error) {
  const verbose = Deno.args.includes("--verbose");
  const { status, text } = reportError(error, { cancelled: signal.aborted, verbose });
  terminal.err(text);
  Deno.exit(status);
}
