// deno-lint-ignore-file no-console
/** Starts a worker that neither a signal nor the end of its input ends, then computes for ever. */
import { abortOnInterrupt } from "../../src/cli/interrupt.ts";
import { startChild } from "../../src/harness/child.ts";

await abortOnInterrupt(() => {});
const stubborn = "trap '' INT TERM HUP; echo up; while :; do sleep 0.1; done";
const child = await startChild(["sh", "-c", stubborn, Deno.args[0]!]);
await child.receive();
console.error("computing");
while (true) Math.random();
