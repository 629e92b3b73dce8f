/**
 * Where a bundle and its files are.
 *
 * @module
 */
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { folderName, modelFolders } from "../files/folder_name.ts";

/** Variants that simulators never look for: they are settings, not types. */
const RESERVED_VARIANTS: readonly string[] = ["auto", "default"];

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
 * import { bundlePath } from "shotlab/serving";
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
export type TableName =
  | "dense"
  | "per_sequence"
  | "attention"
  | "linear_attention"
  | "mtp"
  | "moe"
  | "skew"
  | "skew_fit"
  | "estimated";

/** All tables, in the order of the contract; last ours, the list of predicted rows. */
export const TABLE_NAMES: readonly TableName[] = [
  "dense",
  "per_sequence",
  "attention",
  "linear_attention",
  "mtp",
  "moe",
  "skew",
  "skew_fit",
  "estimated",
];

/**
 * The tensor-parallel degree that a folder of a bundle is for.
 *
 * @param name The folder's name.
 * @returns The degree; null when the folder is for none.
 *
 * @example
 * ```ts
 * import { tpOfFolder } from "./layout.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(["tp8", "tp08", "archive"].map(tpOfFolder), [8, null, null]);
 * ```
 */
export function tpOfFolder(name: string): number | null {
  return /^tp[1-9]\d*$/.test(name) ? Number(name.slice(2)) : null;
}

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
