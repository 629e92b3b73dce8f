/**
 * Where the outcomes of shots go.
 *
 * @module
 */
import type { Session } from "./session.ts";

/** What records shots: a bundle's session, or a results file. */
export type Recorder = Omit<
  Session,
  "dir" | "notices" | "meta" | "failed" | "start" | "describe" | typeof Symbol.asyncDispose
>;
