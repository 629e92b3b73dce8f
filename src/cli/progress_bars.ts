/**
 * Progress for terminals: a bar per sweep under one for its tensor-parallel degree, updated in place.
 *
 * @module
 */
import { Format, MultiBar, type Options, type SingleBar } from "cli-progress";
import type { RunEvent } from "../events.ts";
import { formatDuration } from "../progress/duration.ts";
import { printable } from "../printable.ts";
import type { View } from "./progress_view.ts";
import type { TerminalStream } from "./terminal.ts";
import { newsOf } from "../progress/event_text.ts";
import { describe, follow, newTracks, type Track } from "../progress/sweep_progress.ts";

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const CLEAR_TO_END = "\x1b[K";

/**
 * Shows a run as bars; those of a degree that is over stay above the next one's.
 *
 * @param stream The terminal.
 * @param now The time, in milliseconds.
 * @returns The view.
 */
export function barProgress(stream: TerminalStream, now: () => number): View {
  const tracks = newTracks();
  let bars: MultiBar | null = null;
  const columns = (): number => stream.columns ?? 80;
  const line = (given: string): void => {
    const text = printable(given);
    if (bars === null) stream.write(`${text}\n`);
    else for (const part of wrapped(text, columns() - 1)) bars.log(`${part}${CLEAR_TO_END}\n`);
  };
  const close = (): void => {
    bars?.update();
    bars?.stop();
    bars = null;
  };
  return {
    event(event: RunEvent): void {
      if (event.type === "complete" || event.type === "booting" && event.tp !== tracks.tp) close();
      follow(tracks, event, now());
      if (["connected", "complete", "fitted", "measuring-again"].includes(event.type)) line(newsOf(event)!);
      if (event.type === "booting" && bars === null) {
        const barsize = columns() < 100 ? 12 : 24;
        bars = new MultiBar({ stream, forceRedraw: true, hideCursor: true, fps: 10, barsize });
        row(bars, (bar) => fitted(heading(tracks, now(), bar), columns() - 1));
      }
      if (event.type === "planned" && bars !== null) {
        for (const track of tracks.sweeps.values()) {
          row(bars, (bar) => fitted(`  ${text(track, now(), bar)}`, columns() - 1));
        }
      }
    },
    line,
    close,
  };

  function heading(
    { tp, bootMs, total }: typeof tracks,
    nowMs: number,
    bar: (done: number) => string,
  ): string {
    if (bootMs === null) {
      return total === null ? `tp ${tp}` : text({ ...total, label: `tp ${tp}` }, nowMs, bar);
    }
    const frame = SPINNER[Math.floor(nowMs / 100) % SPINNER.length];
    return `tp ${tp}  booting the engine ${frame} ${formatDuration((nowMs - bootMs) / 1000)}`;
  }
}

function text(track: Track, nowMs: number, bar: (done: number) => string): string {
  const share = track.planned === 0 ? 1 : track.done / track.planned;
  const width = track.label.startsWith("tp") ? 15 : 13;
  return `${track.label.padEnd(width)} [${bar(share)}] ${describe(track, nowMs)}`;
}

/**
 * Lines of a text, broken between words; the library turns the terminal's own wrapping off while bars are drawn, and
 * clearing to the end at the last column would take its character.
 */
function wrapped(text: string, width: number): string[] {
  return text.match(new RegExp(`.{1,${width}}(?= |$)|\\S{${width}}`, "gu"))?.map((line) => line.trim()) ??
    [""];
}

/** A row that ends before the edge of the terminal, with a mark where something is left out. */
function fitted(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** A row whose text is made at every redraw; the library draws the bar and keeps the cursor. */
function row(bars: MultiBar, text: (bar: (share: number) => string) => string): SingleBar {
  const format: Options["format"] = (options) => text((share) => Format.BarFormat(share, options));
  return bars.create(1, 0, {}, { format });
}
