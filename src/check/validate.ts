/**
 * What is wrong with a bundle, before a simulator finds out or does not.
 *
 * @module
 */
import type { Architecture, Model } from "../model/model.ts";
import { calibratedDegrees, checkCalibration, hashFiles } from "./checks/calibration.ts";
import { checkForAugust } from "./checks/consumer.ts";
import { checkCounts } from "./checks/counts.ts";
import { checkEstimated } from "./checks/estimated.ts";
import { checkFolders } from "./checks/folders.ts";
import { checkGrid } from "./checks/grid.ts";
import { checkJournal } from "./checks/journal.ts";
import { checkMeta } from "./checks/meta.ts";
import { checkSkewFit } from "./checks/skew_fit.ts";
import { checkTables } from "./checks/tables.ts";
import { type BundleFiles, readFiles } from "../bundle/files.ts";
import { type Issue, shortened } from "../bundle/issue.ts";
import { type LazyTables, lazyTables } from "../bundle/lazy_tables.ts";
import { metaPath } from "../bundle/layout.ts";
import { type Simulator, simulatorOf } from "../bundle/simulator.ts";
import { checkPhysics, type PhysicsSource } from "./physics.ts";
import { checkWeightReads, readFrom } from "./weight_reads.ts";

/** Options of {@linkcode validate}. */
export interface ValidateOptions {
  /**
   * The layers that a simulator asks for. Without it a missing layer is noticed only where another degree has it,
   * and a missing moe.csv not at all.
   *
   * @default none
   */
  readonly architecture?: Architecture;
  /** The bundle's model: how much of a history its attention reads, which a fit for v1.2 states. @default none */
  readonly model?: Model;
  /** Who is to read the bundle. @default {the simulator that it is for} */
  readonly simulator?: Simulator;
  /**
   * Folder of `model/` and `hardware/`, for what rows are held against; where it has neither the bundle's model nor its
   * hardware, that check is left out.
   *
   * @default {"the project's own"}
   */
  readonly configDir?: string;
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
 * import { validate } from "shotlab";
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
  const { simulator = simulatorOf({ tps: files.tps, fit: meta.skew_fit, ...tables }) } = options;
  const newer = simulator === "v1.2";
  const calibrated = newer || calibratedDegrees(meta).length > 0;
  const hashes = await hashFiles(dir, meta);
  const physics = meta.quantity === "estimate" ? null : physicsSource(files, tables);
  const from = physics && await readFrom(meta, options.configDir);
  const found = [
    ...issues,
    ...checkFolders(files, meta.tp_degrees),
    ...tables.issues().map((issue) => newer ? forNewer(issue) : issue),
    ...checkTables(files, tables, { ...options, simulator }),
    ...newer ? [] : checkForAugust(files, tables),
    ...checkEstimated(files, tables, meta),
    ...(readable
      ? [
        ...calibrated ? checkCalibration(files, tables, meta, hashes, options.model) : [],
        ...newer ? [] : checkSkewFit(files, tables, meta.skew_fit),
        ...newer ? [] : checkGrid(files, tables, meta),
        ...checkCounts(files, tables, meta),
      ]
      : []),
    ...await checkJournal(dir),
    ...(physics ? checkPhysics(physics) : []),
    ...(physics && from ? checkWeightReads(physics, from) : []),
  ];
  return found.map(shortened);
}

/** v1.2 opens skew.csv when alphas are fitted, and not before. */
function forNewer(issue: Issue): Issue {
  if (!issue.path.endsWith("/skew.csv") || issue.severity === "warning") return issue;
  return { ...issue, severity: "warning", message: `${issue.message}; refit-skew refuses the file for it` };
}

function physicsSource({ dir, tps }: BundleFiles, tables: LazyTables): PhysicsSource {
  return { dir, tps, table: (tp, category) => tables.table(tp, category).rows };
}
