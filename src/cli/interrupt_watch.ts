/// <reference lib="deno.worker" />
/**
 * The thread that hears signals while the main thread computes.
 *
 * @module
 */
import type { WatchedMessage, WatchMessage } from "./interrupt.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** How long the main thread may leave a message unheard. */
const DEAF_MS = 1500;
/** The same while it saves: tables of a large bundle are written in one go. */
const SAVING_MS = 5000;
const EVERY_MS = 500;
/** What the main thread gets to leave at once. */
const LEAVING_MS = 500;

const main = self as DedicatedWorkerGlobalScope;
let told: Exclude<WatchedMessage, "heard"> = { groups: [], lastWords: "" };
let heard = 0;
let unheard: ReturnType<typeof setTimeout> | undefined;

function send(message: WatchMessage, limitMs: number): void {
  main.postMessage(message);
  clearTimeout(unheard);
  unheard = setTimeout(end, limitMs);
}

function onSignal(): void {
  heard++;
  if (heard === 1) send("stop", DEAF_MS);
  else send("leave", LEAVING_MS);
}

/** Ends what would outlive the process, and the process, as a signal does that nobody listens to. */
function end(): void {
  for (const group of told.groups) {
    try {
      Deno.kill(-group, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  Deno.stderr.writeSync(new TextEncoder().encode(told.lastWords));
  for (const name of SIGNALS) Deno.removeSignalListener(name, onSignal);
  Deno.kill(Deno.pid, "SIGINT");
}

main.onmessage = ({ data }: MessageEvent<WatchedMessage>): void => {
  if (data === "heard") {
    clearTimeout(unheard);
    setTimeout(() => heard === 1 && send("ask", SAVING_MS), EVERY_MS);
    return;
  }
  told = data;
};
for (const name of SIGNALS) Deno.addSignalListener(name, onSignal);
main.postMessage("listening" satisfies WatchMessage);
