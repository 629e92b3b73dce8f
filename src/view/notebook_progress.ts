/**
 * Progress of a run below a notebook's cell: bars that are updated in place, and stay as they were at the end.
 *
 * @module
 */
import { formatDuration } from "../progress/duration.ts";
import { newsOf, warningOf } from "../progress/event_text.ts";
import { describe, follow, newTracks, type Track, type Tracks } from "../progress/sweep_progress.ts";
import type { RunEvent } from "../events.ts";
import { send } from "./notebook/kernel.ts";
import { escapeHtml } from "./table.ts";
import { plural } from "../count_text.ts";

/** Shortest time between two updates, in milliseconds. */
const EVERY_MS = 100;
/** Warnings that are shown; further ones are counted. */
const MAX_WARNINGS = 10;

/** Takes the events of a run and shows them. */
export interface NotebookProgress {
  /** Takes an event in. */
  event(event: RunEvent): void;
  /** Shows the last state for good. */
  close(): Promise<void>;
}

/** What has happened so far. */
interface State {
  harness: string;
  readonly degrees: Tracks[];
  readonly warnings: string[];
  end: string;
}

/**
 * Shows a run below the cell, at most ten times a second.
 *
 * @param options `now`: the time in milliseconds; `draw`: how HTML is shown, first and again.
 * @returns What takes the events.
 *
 * @example
 * ```ts
 * import { notebookProgress } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const drawn: string[] = [];
 * const progress = notebookProgress({ draw: (html) => void drawn.push(html) });
 * progress.event({ type: "booting", tp: 1 });
 * await progress.close();
 * assert.match(drawn.at(-1)!, /tp 1/);
 * ```
 */
export function notebookProgress(
  options: {
    readonly now?: () => number;
    readonly draw?: (html: string, update: boolean) => void | Promise<void>;
  } = {},
): NotebookProgress {
  const { now = Date.now, draw = drawInPlace() } = options;
  const state: State = { harness: "", degrees: [], warnings: [], end: "" };
  let drawn = false;
  let drawing: void | Promise<void>;
  const update = (): void => {
    drawing = draw(progressHtml(state, now()), drawn);
    drawn = true;
  };
  const timer = setInterval(update, EVERY_MS);
  return {
    event: (event) => takeIn(state, event, now()),
    async close(): Promise<void> {
      clearInterval(timer);
      await drawing;
      update();
      await drawing;
    },
  };
}

function drawInPlace(): (html: string, update: boolean) => Promise<void> {
  const id = crypto.randomUUID();
  return (html, update) => send({ "text/html": html, "text/plain": plain(html) }, { id, update });
}

function takeIn(state: State, event: RunEvent, nowMs: number): void {
  const begins = event.type === "booting" || event.type === "complete";
  if (begins && state.degrees.at(-1)?.tp !== event.tp) state.degrees.push(newTracks());
  const tracks = state.degrees.at(-1);
  if (tracks !== undefined) {
    if (event.type === "booting") tracks.tp = event.tp;
    follow(tracks, event, nowMs);
  }
  if (event.type === "connected") state.harness = newsOf(event) ?? "";
  if (event.type === "finished") {
    state.end = `${event.dir}: ${plural(event.measured, "new shot")} in ${formatDuration(event.seconds)}`;
  }
  const warning = warningOf(event);
  if (warning !== null) state.warnings.push(warning);
}

function progressHtml({ harness, degrees, warnings, end }: State, nowMs: number): string {
  const rows = degrees.flatMap(({ tp, bootMs, total, sweeps }) => [
    bootMs !== null || total === null
      ? row(`tp ${tp}`, null, bootMs === null ? "" : `booting, ${formatDuration((nowMs - bootMs) / 1000)}`)
      : row(`tp ${tp}`, total, describe(total, nowMs)),
    ...(bootMs === null ? [...sweeps.values()] : []).map((track) =>
      row(`\u2003${track.label}`, track, describe(track, nowMs))
    ),
  ]);
  const told = warnings.slice(0, MAX_WARNINGS).map((warning) => `<div>${escapeHtml(warning)}</div>`);
  if (warnings.length > MAX_WARNINGS) told.push(`<div>and ${warnings.length - MAX_WARNINGS} more</div>`);
  return [
    ...(harness === "" ? [] : [`<div>${escapeHtml(harness)}</div>`]),
    `<table>${rows.join("")}</table>`,
    ...told,
    ...(end === "" ? [] : [`<div>${escapeHtml(end)}</div>`]),
  ].join("");
}

function row(label: string, track: Track | null, words: string): string {
  const bar = track === null
    ? ""
    : `<progress max="${Math.max(1, track.planned)}" value="${
      track.planned === 0 ? 1 : track.done
    }"></progress>`;
  const cells = [escapeHtml(label), bar, escapeHtml(words)];
  return `<tr>${cells.map((cell) => `<td style="text-align:left">${cell}</td>`).join("")}</tr>`;
}

/** The same without marks, a line for each row. */
function plain(html: string): string {
  const lines = html.replaceAll(/<\/(?:tr|div)>/g, "\n").replaceAll(/<\/td>/g, " ").replaceAll(
    /<[^>]*>/g,
    "",
  );
  const signs: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
  return lines.replaceAll(/&(#?\w+);/g, (_, name: string) => signs[name]!).trim();
}
