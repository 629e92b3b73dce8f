/**
 * Which kernels the layers of a shot launched, session by session: another attention backend or another library of
 * products makes other rows, and nothing else tells it.
 *
 * @module
 */
import type { JournalLine } from "./line.ts";
import { shotText } from "../shots/shot_id.ts";

/** Follows the kernels of a journal's shots and sentinels. */
export interface Launches {
  /** Takes in the next line. */
  take(line: JournalLine): void;
  /** The first shot of each layer that launched other kernels than in an earlier session, by layer. */
  readonly changed: ReadonlyMap<string, string>;
}

/**
 * Begins to follow.
 *
 * @returns What follows.
 *
 * @example
 * ```ts
 * import { newLaunches } from "./launches.ts";
 * import assert from "node:assert/strict";
 * const launches = newLaunches();
 * const shot = { type: "shot", category: "dense", tp: 1, key: [16], samples: { o_proj: [5] } } as const;
 * launches.take({ ...shot, kernels: { o_proj: ["3f1c09ab"] } });
 * assert.equal(launches.changed.size, 0);
 * ```
 */
export function newLaunches(): Launches {
  /** Kernels by shot and layer, with the session in which they were seen. */
  const seen = new Map<string, { readonly kernels: string; readonly session: number }>();
  const changed = new Map<string, string>();
  let session = 0;
  return {
    changed,
    take(line): void {
      if (line.type === "session") session++;
      if (line.type !== "shot" && line.type !== "sentinel") return;
      for (const [layer, names] of Object.entries(line.kernels ?? {})) {
        const place = shotText(line);
        // The order of kernels on two streams is by chance.
        const kernels = names.toSorted().join();
        const before = seen.get(`${place} ${layer}`);
        if (before !== undefined && before.kernels !== kernels && before.session !== session) {
          if (!changed.has(layer)) changed.set(layer, place);
        }
        seen.set(`${place} ${layer}`, { kernels, session });
      }
    },
  };
}

/**
 * What a user should know of layers whose kernels have changed.
 *
 * @param changed The first such shot of each layer, by layer.
 * @returns A sentence for each layer.
 */
export function launchNews(changed: Launches["changed"]): string[] {
  return Array.from(
    changed,
    ([layer, place]) =>
      `Layer '${layer}' launches other kernels than in an earlier session (${place}): with another backend or ` +
      `library, rows of before and after may not belong together`,
  );
}
