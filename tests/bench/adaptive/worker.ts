/// <reference lib="deno.worker" />
/**
 * Runs trials one after the other: first told the bundles' folders, then the trials.
 *
 * @module
 */
import { run, type Trial } from "./trials.ts";
import { openTruths, type Truth } from "./truth.ts";

let truths: Promise<Truth[]>;

self.onmessage = async ({ data }: MessageEvent<readonly string[] | Trial>): Promise<void> => {
  if (Array.isArray(data)) truths = openTruths(data);
  else self.postMessage(await run(await truths, data as Trial));
};
