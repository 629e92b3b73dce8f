/**
 * A way to show a run.
 *
 * @module
 */
import type { RunEvent } from "../events.ts";

/** A way to show a run. */
export interface View {
  /** Takes an event in. */
  event(event: RunEvent): void;
  /** Writes a line beside what it shows. */
  line(text: string): void;
  /** Leaves the last state standing. */
  close(): void;
}
