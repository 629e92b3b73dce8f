/**
 * Where a bundle and its files are.
 *
 * @module
 */
import { join } from "node:path";
import { UsageError } from "../errors.ts";

/** Characters and names that leave the folder, or that some file system refuses. */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f/\\:*?"<>|]|^\.|[. ]$|^ |^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

const MAX_NAME_BYTES = 255;

/** Variants that simulators never look for: they are settings, not types. */
const RESERVED_VARIANTS: readonly string[] = ["auto", "default"];

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
 * import { folderName } from "./layout.ts";
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

/**
 * The folder of a bundle: `<perfDir>/<hardware>/<org>/<name>/<variant>`.
 *
 * @param perfDir Folder of all bundles.
 * @param hardware Hardware's name.
 * @param modelId `<org>/<name>`.
 * @param variant Variant's name, such as `bf16`.
 * @returns The path.
 * @throws {UsageError} when a part could leave the folder or is reserved.
 *
 * @example
 * ```ts
 * import { bundlePath } from "./layout.ts";
 * import assert from "node:assert/strict";
 * assert.equal(bundlePath("perf", "H100", "Qwen/Qwen3-0.6B", "bf16"), "perf/H100/Qwen/Qwen3-0.6B/bf16");
 * ```
 */
export function bundlePath(perfDir: string, hardware: string, modelId: string, variant: string): string {
  if (RESERVED_VARIANTS.includes(variant)) {
    throw new UsageError(
      `Cannot name a folder: variant must name types such as bf16 (${RESERVED_VARIANTS.join(" and ")} are ` +
        `looked for by no simulator), but is ${JSON.stringify(variant)}`,
    );
  }
  return join(
    perfDir,
    folderName("hardware", hardware),
    ...modelFolders(modelId),
    folderName("variant", variant),
  );
}

/** The tables of a tensor-parallel degree's folder, without `.csv`. */
export type TableName = "dense" | "per_sequence" | "attention" | "moe" | "skew" | "skew_fit" | "estimated";

/** All tables, in the order of the contract; last ours, the list of predicted rows. */
export const TABLE_NAMES: readonly TableName[] = [
  "dense",
  "per_sequence",
  "attention",
  "moe",
  "skew",
  "skew_fit",
  "estimated",
];

/**
 * The path of one of a bundle's tables.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @param table The table.
 * @returns The path.
 */
export function tablePath(dir: string, tp: number, table: TableName): string {
  return join(dir, `tp${tp}`, `${table}.csv`);
}

/**
 * The path of a bundle's meta.yaml.
 *
 * @param dir The bundle's folder.
 * @returns The path.
 */
export function metaPath(dir: string): string {
  return join(dir, "meta.yaml");
}
