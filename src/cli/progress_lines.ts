/**
 * Progress for files and pipes: a line per step, and one every few seconds in between.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import type { RunEvent } from "../events.ts";
import { formatDuration } from "../progress/duration.ts";
import type { View } from "./progress_view.ts";
import { newsOf } from "../progress/event_text.ts";
import { describe, follow, newTracks, type Track } from "../progress/sweep_progress.ts";

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
  const tell = (track: Track): void => write(`tp ${tracks.tp} ${track.label}: ${describe(track, now())}`);
  const tick = (): void => {
    const track = current === null ? undefined : tracks.sweeps.get(current);
    if (tracks.bootMs !== null) {
      write(`tp ${tracks.tp}: still booting after ${formatDuration((now() - tracks.bootMs) / 1000)}`);
    } else if (track !== undefined && !isFired(track)) tell(track);
  };
  const timer = setInterval(tick, everyMs);
  return {
    event(event: RunEvent): void {
      follow(tracks, event, now());
      const news = newsOf(event);
      if (news !== null) write(news);
      if (event.type === "planned" && tracks.total !== null) {
        write(
          `tp ${event.tp}: ${plural(tracks.total.planned, "shot")} planned, ${
            formatCount(tracks.total.done)
          } of them done before`,
        );
      }
      if (event.type === "sweep-started" || event.type === "shot") current = event.category;
      if (event.type === "sweep-finished") {
        const track = tracks.sweeps.get(event.category);
        if (track !== undefined) tell(track);
        current = null;
      }
    },
    line: write,
    close: () => clearInterval(timer),
  };
}

/** What follows the last shot, as predicting the others, is told by the line that closes the sweep. */
function isFired({ done, planned }: Track): boolean {
  return done === planned;
}
