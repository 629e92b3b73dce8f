/**
 * Starts the harness that its arguments name, passes its log on and waits to be killed.
 *
 * @module
 */
import { startProcessHarness } from "../../../src/harness/process.ts";

await startProcessHarness(Deno.args, {
  onLog: (line) => void Deno.stdout.writeSync(new TextEncoder().encode(line + "\n")),
});
setInterval(() => {}, 1000);
