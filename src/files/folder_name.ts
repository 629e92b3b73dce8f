/**
 * Names of folders that hold what has a name: hardware, models, variants.
 *
 * @module
 */
import { UsageError } from "../errors.ts";

/** Characters and names that leave the folder, or that some file system refuses. */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f/\\:*?"<>|]|^\.|[. ]$|^ |^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

const MAX_NAME_BYTES = 255;

/**
 * Checks that a text can be the name of one folder inside another.
 *
 * @param what What the text is, such as `hardware`, for the message.
 * @param name The text.
 * @returns The text.
 * @throws {UsageError} when it is empty, could leave the folder (`/`, `\`, `..`, NUL), or is a name that a file
 * system reserves.
 *
 * @example
 * ```ts
 * import { folderName } from "./folder_name.ts";
 * import assert from "node:assert/strict";
 * assert.equal(folderName("hardware", "RTX4090"), "RTX4090");
 * assert.throws(() => folderName("hardware", ".."), /hardware must be the name of one folder/);
 * ```
 */
export function folderName(what: string, name: string): string {
  if (name === "" || UNSAFE.test(name) || new TextEncoder().encode(name).length > MAX_NAME_BYTES) {
    throw new UsageError(
      `Cannot name a folder: ${what} must be the name of one folder (letters, digits, "-", "_", "." inside), ` +
        `but is ${JSON.stringify(name)}`,
    );
  }
  return name;
}

/**
 * The two folders that a model's id names.
 *
 * @param modelId `<org>/<name>`.
 * @returns Organisation and name.
 * @throws {UsageError} when it has another form, or a part could leave the folder or is reserved.
 */
export function modelFolders(modelId: string): [org: string, name: string] {
  const [org, name, ...others] = modelId.split("/");
  if (org === undefined || name === undefined || others.length > 0) {
    throw new UsageError(
      `Cannot name a folder: model must be <org>/<name>, but is ${JSON.stringify(modelId)}`,
    );
  }
  return [folderName("model", org), folderName("model", name)];
}
