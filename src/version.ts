/**
 * The version of this project.
 *
 * @module
 */
import project from "../deno.json" with { type: "json" };

/** The version that deno.json states; bundles record it as `profiler_version`. */
export const VERSION: string = project.version;
