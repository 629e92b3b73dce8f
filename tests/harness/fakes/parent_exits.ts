/**
 * Starts the program that its arguments name, prints the first line of its log and exits.
 *
 * @module
 */
import { startChild } from "../../../src/harness/child.ts";

await startChild(Deno.args, {
  onLog(line): void {
    Deno.stdout.writeSync(new TextEncoder().encode(line));
    Deno.exit(0);
  },
});
