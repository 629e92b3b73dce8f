/**
 * Trials on all cores.
 *
 * @module
 */
import type { Outcome, Trial } from "./trials.ts";

/**
 * Runs trials side by side.
 *
 * @param dirs The bundles' folders.
 * @param trials The trials; they are begun in this order.
 * @returns How each went.
 */
export function sideBySide(dirs: readonly string[], trials: readonly Trial[]): Promise<Outcome>[] {
  const promises = trials.map(() => Promise.withResolvers<Outcome>());
  let begun = 0;
  for (let i = 0; i < Math.min(navigator.hardwareConcurrency, trials.length); i++) {
    const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
    let own = -1;
    const next = (): void => {
      own = begun++;
      if (own < trials.length) worker.postMessage(trials[own]);
      else worker.terminate();
    };
    worker.onmessage = ({ data }: MessageEvent<Outcome>): void => {
      promises[own]!.resolve(data);
      next();
    };
    worker.onerror = (event): void => promises[own]!.reject(new Error(event.message));
    worker.postMessage(dirs);
    next();
  }
  return promises.map(({ promise }) => promise);
}
