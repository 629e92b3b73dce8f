/// <reference lib="deno.worker" />
/**
 * A thread that helps with many shots.
 *
 * @module
 */
import { type SharedWork, workOnParts } from "./side_by_side.ts";

self.onmessage = ({ data }: MessageEvent<SharedWork>): void => workOnParts(data);
