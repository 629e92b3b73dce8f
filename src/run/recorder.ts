/**
 * Where the outcomes of shots go.
 *
 * @module
 */
import type { SkewMode } from "../sweep/skew_parts.ts";
import type { Session } from "./session.ts";

/** What a session has that a results file has not. */
type OfSession =
  | "dir"
  | "notices"
  | "meta"
  | "failed"
  | "start"
  | "describe"
  | "settle"
  | typeof Symbol.asyncDispose;

/** What records shots: a bundle's session, or a results file. */
export interface Recorder extends Omit<Session, OfSession | "skewMode"> {
  /** Where the times of uniform batches of skew cases come from; null fires the batches that the shots name. */
  readonly skewMode: SkewMode | null;
}
