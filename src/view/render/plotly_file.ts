/**
 * Where plotly is.
 *
 * @module
 */
import { packageFile } from "./package_file.ts";

/** The file of plotly with cartesian figures, for a window or a page. */
export const PLOTLY_FILE: string = packageFile("plotly.js-cartesian-dist-min");
