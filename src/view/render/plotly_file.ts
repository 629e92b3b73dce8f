/**
 * Where plotly is.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The file of plotly with cartesian figures, for a window or a page. */
export const PLOTLY_FILE: string = fileURLToPath(import.meta.resolve("plotly.js-cartesian-dist-min"));
