/**
 * What is wrong with a bundle, before a simulator finds out or does not.
 *
 * @module
 */
import type { Architecture } from "../model/model.ts";
import { checkCounts } from "./checks/counts.ts";
import { checkEstimated } from "./checks/estimated.ts";
import { checkFolders } from "./checks/folders.ts";
import { checkGrid } from "./checks/grid.ts";
import { checkMeta } from "./checks/meta.ts";
import { checkSkewFit } from "./checks/skew_fit.ts";
import { checkTables } from "./checks/tables.ts";
import { type BundleFiles, readFiles } from "../bundle/files.ts";
import type { Issue } from "../bundle/issue.ts";
import { type LazyTables, lazyTables } from "../bundle/lazy_tables.ts";
import { metaPath } from "../bundle/layout.ts";
import { checkPhysics, type PhysicsSource } from "./physics.ts";

/** Options of {@linkcode validate}. */
export interface ValidateOptions {
  /**
   * The layers that a simulator asks for. Without it a missing layer is noticed only where another degree has it,
   * and a missing moe.csv not at all.
   *
   * @default none
   */
  readonly architecture?: Architecture;
}

/**
 * Checks a bundle against the contract. An `error` makes a simulator fail, at load or at lookup, or answer
 * wrongly without a word; what it skips with a warning of its own, or what misleads nobody, is a `warning`.
 *
 * @param dir The bundle's folder.
 * @param options What is known besides.
 * @returns The issues by file, in the order of their rows; none when all is well.
 * @throws {UsageError} when the folder does not exist or cannot be read.
 *
 * @example
 * ```ts
 * import { validate } from "./validate.ts";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * assert.deepEqual((await validate(dir)).map(({ code }) => code), ["meta-missing", "tp-missing"]);
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function validate(dir: string, options: ValidateOptions = {}): Promise<Issue[]> {
  const files = await readFiles(dir);
  const tables = lazyTables(files);
  const { meta, issues } = checkMeta(files.meta, metaPath(dir));
  const readable = issues.every(({ severity }) => severity !== "error");
  return [
    ...issues,
    ...checkFolders(files, meta.tp_degrees),
    ...tables.issues(),
    ...checkTables(files, tables, options.architecture),
    ...checkEstimated(files, tables, meta),
    ...(readable
      ? [
        ...checkSkewFit(files, tables, meta.skew_fit),
        ...checkGrid(files, tables, meta),
        ...checkCounts(files, tables, meta),
      ]
      : []),
    ...(meta.quantity === "estimate" ? [] : checkPhysics(physicsSource(files, tables))),
  ];
}

function physicsSource({ dir, tps }: BundleFiles, tables: LazyTables): PhysicsSource {
  return { dir, tps, table: (tp, category) => tables.table(tp, category).rows };
}
