/**
 * Where the project's own configurations are.
 *
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the model, architecture and hardware files that come with the project, seen from the current folder. */
export const CONFIG_DIR: string = relative(Deno.cwd(), fileURLToPath(new URL("../configs", import.meta.url)));
