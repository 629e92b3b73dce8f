/**
 * The simulators that read bundles, and for which of them a bundle is.
 *
 * @module
 */
import type { SkewFit } from "./meta_blocks.ts";
import type { TableContent } from "./lazy_tables.ts";
import type { Category } from "../shots/shot.ts";

/** LLMServingSim 2.0 as of August 2026 (commit 5daddb2), or v1.2.0 of October 2026. */
export type Simulator = "august" | "v1.2";

/** Both, the older first. */
export const SIMULATORS: readonly Simulator[] = ["august", "v1.2"];

/**
 * The fingerprint of v1.2's lookups that a calibrated fit names: SHA-256 of the source of its lookup functions. A
 * simulator with other ones refuses the fit as stale.
 */
export const LOOKUPS_SHA256 = "7b09bef57ed90f62c01f969c88c3054132229fbe953a472a58a00a130b33cbf6";
/** The version whose fingerprint that is. */
export const LOOKUPS_VERSION = "LLMServingSim v1.2 (lookups of commit 0d3de681)";

/** What tells for which simulator a bundle is. */
export interface SimulatorFacts {
  /** Tensor-parallel degrees. */
  readonly tps: readonly number[];
  /** meta.yaml's block of fitted alphas. */
  readonly fit: SkewFit | undefined;
  /** Header of a category's table, undefined where there is no file. */
  header(tp: number, category: Category): string | undefined;
  /** The content of a table. */
  table(tp: number, table: Category | "mtp"): TableContent;
}

/**
 * The simulator that a bundle is read as unless another is asked for: v1.2 where August finds less than the whole or
 * nothing (other kernels, several new tokens a decode, experts on several devices, no kv_prefill, a fit in v1.2's form
 * alone), else August.
 *
 * @param facts What the bundle holds.
 * @returns The simulator.
 */
export function simulatorOf({ tps, fit, header, table }: SimulatorFacts): Simulator {
  const newer = tps.some((tp) => {
    const entry = fit?.enabled ? fit.per_tp?.[tp] : undefined;
    if (entry?.["schema"] !== undefined && entry["alpha_by_bucket"] === undefined) return true;
    const columns = header(tp, "attention")?.trim().split(",");
    if (columns?.includes("prefill_key") && !columns.includes("kv_prefill")) return true;
    return columns?.includes("layer") && table(tp, "attention").others.length > 0 ||
      header(tp, "moe")?.includes("ep,") && table(tp, "moe").others.length > 0 ||
      table(tp, "linear_attention").rows.length + table(tp, "mtp").rows.length > 0;
  });
  return newer ? "v1.2" : "august";
}
