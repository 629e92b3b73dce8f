/**
 * How far a run is: one track per sweep and one for all sweeps of a tensor-parallel degree, folded from its events.
 *
 * @module
 */
import type { RunEvent } from "../events.ts";
import { formatDuration } from "./duration.ts";

/** Shots that are counted together. */
export interface Track {
  /** What is counted. */
  readonly label: string;
  /** Shots of the plan, and those that are measured again. */
  planned: number;
  /** Shots that need no more firing. */
  done: number;
  /** Shots that were fired in this run. */
  fired: number;
  /** Shots of these that failed. */
  failed: number;
  /** When the first was about to be fired, in milliseconds. */
  startMs: number | null;
  /** When the last was done, in milliseconds. */
  endMs: number | null;
}

/** The tracks of the degree that is being measured. */
export interface Tracks {
  /** Tensor-parallel degree; null before the first. */
  tp: number | null;
  /** When the boot that is under way began, in milliseconds; null when none is. */
  bootMs: number | null;
  /** All sweeps together; null until they are planned. */
  total: Track | null;
  /** The sweeps, by category, in firing order. */
  sweeps: Map<string, Track>;
}

/**
 * Tracks before the first event.
 *
 * @returns The tracks.
 */
export function newTracks(): Tracks {
  return { tp: null, bootMs: null, total: null, sweeps: new Map() };
}

/**
 * Takes an event in.
 *
 * @param tracks The tracks, which it changes.
 * @param event The event.
 * @param nowMs When it came, in milliseconds.
 */
export function follow(tracks: Tracks, event: RunEvent, nowMs: number): void {
  switch (event.type) {
    case "booting":
      if (event.tp !== tracks.tp) Object.assign(tracks, newTracks(), { tp: event.tp });
      tracks.bootMs = nowMs;
      break;
    case "booted":
      tracks.bootMs = null;
      break;
    case "complete":
      Object.assign(tracks, newTracks(), {
        tp: event.tp,
        total: newTrack("all", event.shots, event.shots),
      });
      break;
    case "planned": {
      const sweeps = event.sweeps.map(({ category, planned, done }) => newTrack(category, planned, done));
      tracks.sweeps = new Map(sweeps.map((track) => [track.label, track]));
      tracks.total = newTrack("all", sum(sweeps, "planned"), sum(sweeps, "done"));
      break;
    }
    case "sweep-started": {
      const more = event.done - (tracks.sweeps.get(event.category)?.done ?? event.done);
      for (const track of both(tracks, event.category)) {
        track.startMs ??= nowMs;
        track.done += more;
      }
      break;
    }
    case "shot":
    case "failed-shot":
      for (const track of both(tracks, event.category)) {
        track.done++;
        track.fired++;
        if (event.type === "failed-shot") track.failed++;
        if (track.done === track.planned) track.endMs = nowMs;
      }
      break;
    case "measuring-again":
      for (const track of both(tracks, event.category)) {
        track.planned += event.shots;
        track.endMs = null;
      }
      break;
    case "sweep-finished":
      for (const track of tracks.sweeps.values()) if (track.label === event.category) track.endMs = nowMs;
      break;
  }
}

/**
 * A track in words: how many, how fast, how long to go.
 *
 * @param track The track.
 * @param nowMs The time, in milliseconds.
 * @returns Such as `120/335, 34.1 shots/s, 7.0 s left`.
 */
export function describe(track: Track, nowMs: number): string {
  const words = [`${track.done}/${track.planned}`];
  const elapsedS = track.startMs === null ? 0 : ((track.endMs ?? nowMs) - track.startMs) / 1000;
  if (track.fired > 0 && elapsedS > 0) {
    const perSecond = track.fired / elapsedS;
    words.push(`${formatRate(perSecond)} shots/s`);
    const left = formatDuration((track.planned - track.done) / perSecond);
    words.push(track.endMs === null ? `${left} left` : `took ${formatDuration(elapsedS)}`);
  }
  if (track.failed > 0) words.push(`${track.failed} failed`);
  return words.join(", ");
}

function formatRate(perSecond: number): string {
  return perSecond < 9.95 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

function newTrack(label: string, planned: number, done: number): Track {
  return { label, planned, done, fired: 0, failed: 0, startMs: null, endMs: null };
}

function both(tracks: Tracks, category: string): Track[] {
  return [tracks.sweeps.get(category), tracks.total].filter((track) => track !== undefined && track !== null);
}

function sum(tracks: readonly Track[], count: "planned" | "done"): number {
  return tracks.reduce((total, track) => total + track[count], 0);
}
