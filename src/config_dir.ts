/**
 * Where the project's own configurations are.
 *
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./errors.ts";

/** Folder of the model, architecture and hardware files that come with the project, seen from the current folder. */
export const CONFIG_DIR: string =
  relative(Deno.cwd(), fileURLToPath(new URL("../configs", import.meta.url))) || ".";

/**
 * Refuses a folder of configurations that is not there: a slip of the pen would be read as a folder without any.
 *
 * @param dir The folder.
 * @param said How it was given, for the message. @default {"configDir <dir>"}
 * @throws {UsageError} when there is no such folder.
 */
export async function requireConfigDir(dir: string, said: string = `configDir ${dir}`): Promise<void> {
  if (await Deno.stat(dir).then(({ isDirectory }) => isDirectory, () => false)) return;
  throw new UsageError(
    `Cannot use ${said}: there is no such folder; name one that has the folders model, architecture and hardware, ` +
      "or leave it out to take the project's own",
  );
}
