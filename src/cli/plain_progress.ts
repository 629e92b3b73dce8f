/**
 * Progress for files and pipes: a line per step, and one every few seconds in between.
 *
 * @module
 */
import type { RunEvent } from "../run/events.ts";
import { formatDuration } from "./duration.ts";
import type { View } from "./progress.ts";
import { newsOf } from "./tell.ts";
import { describe, follow, newTracks } from "./track.ts";

/**
 * Shows a run as lines.
 *
 * @param write Writes a line's text.
 * @param now The time, in milliseconds.
 * @param everyMs How often it says how far the run is, in milliseconds.
 * @returns The view.
 */
export function plainProgress(write: (line: string) => void, now: () => number, everyMs = 5000): View {
  const tracks = newTracks();
  let current: string | null = null;
  const status = (): void => {
    const track = current === null ? undefined : tracks.sweeps.get(current);
    if (tracks.bootMs !== null) {
      write(`tp ${tracks.tp}: still booting after ${formatDuration((now() - tracks.bootMs) / 1000)}`);
    } else if (track !== undefined) write(`tp ${tracks.tp} ${track.label}: ${describe(track, now())}`);
  };
  const timer = setInterval(status, everyMs);
  return {
    event(event: RunEvent): void {
      follow(tracks, event, now());
      const news = newsOf(event);
      if (news !== null) write(news);
      if (event.type === "planned" && tracks.total !== null) {
        write(
          `tp ${event.tp}: ${tracks.total.planned} shots planned, ${tracks.total.done} of them done before`,
        );
      }
      if (event.type === "sweep-started") current = event.category;
      if (event.type === "sweep-finished") {
        status();
        current = null;
      }
    },
    line: write,
    close: () => clearInterval(timer),
  };
}
