/**
 * What a bundle is bound to, so that numbers of two devices, processors, drivers, engines or types never mix unseen.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import type { HarnessInfo } from "../harness/harness.ts";
import { factText } from "../processor.ts";

/** Who measured, and what. */
export interface Identity extends
  Pick<
    HarnessInfo,
    | "harness"
    | "harness_version"
    | "engine"
    | "engine_version"
    | "device"
    | "driver"
    | "runtime"
    | "processor"
  > {
  /** Type of the weights. */
  readonly dtype: string;
  /** Type of the KV cache, `auto` for that of the weights. */
  readonly kv_cache_dtype: string;
  /** What was timed. */
  readonly quantity: Quantity;
  /** Revision of the hub that the model's configuration was downloaded from; absent for a file of the user's own. */
  readonly model_revision?: string;
  /** Clock of the multiprocessors that the device was locked to, in MHz; absent where it had its own. */
  readonly clock_mhz?: number;
}

/** The fields that have to agree; the others are recorded only. */
const BOUND = [
  "engine",
  "engine_version",
  "device",
  "driver",
  "processor",
  "dtype",
  "kv_cache_dtype",
  "quantity",
  "model_revision",
] as const;

/**
 * The identity of a run.
 *
 * @param info Who answers.
 * @param types Types of weights and KV cache, what is timed, where the model came from, and the locked clock.
 * @returns The identity.
 *
 * @example
 * ```ts
 * import { openHarness } from "shotlab";
 * import { identityOf } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const { info } = await openHarness("roofline:H100");
 * const { device, dtype } = identityOf(info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "kernel" });
 * assert.deepEqual([device, dtype], [info.device, "bfloat16"]);
 * ```
 */
export function identityOf(
  info: HarnessInfo,
  types: Pick<Identity, "dtype" | "kv_cache_dtype" | "quantity" | "model_revision"> & {
    readonly clock?: number | null | undefined;
  },
): Identity {
  return {
    harness: info.harness,
    harness_version: info.harness_version,
    engine: info.engine,
    engine_version: info.engine_version,
    device: info.device,
    driver: info.driver,
    runtime: info.runtime,
    ...info.processor !== undefined && { processor: info.processor },
    dtype: types.dtype,
    kv_cache_dtype: types.kv_cache_dtype,
    quantity: types.quantity,
    ...types.model_revision !== undefined && { model_revision: types.model_revision },
    ...typeof types.clock === "number" && { clock_mhz: types.clock },
  };
}

/**
 * Where two identities differ in what a bundle is bound to.
 *
 * @param recorded What is recorded.
 * @param current What is there now; fields that only one of them has are not compared, but for a locked clock.
 * @returns One text per difference, `<field> <recorded> there, <current> now`.
 *
 * @example
 * ```ts
 * import { identityDifferences } from "./identity.ts";
 * import assert from "node:assert/strict";
 * const now = {
 *   harness: "vllm", harness_version: "1", engine: "vllm", engine_version: "0.32.0", device: "H100",
 *   driver: "550", runtime: "torch", dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "kernel",
 * } as const;
 * assert.deepEqual(identityDifferences({ device: "H200", engine: "vllm" }, now), ["device H200 there, H100 now"]);
 * ```
 */
export function identityDifferences(recorded: Partial<Identity>, current: Identity): string[] {
  const clocks = [recorded.clock_mhz, current.clock_mhz].map((mhz) =>
    mhz === undefined ? "unlocked" : `${mhz} MHz`
  );
  const [there, now] = clocks;
  const clock = there === now ? [] : [`clock ${there} there, ${now} now`];
  return [
    ...clock,
    ...BOUND.flatMap((field) => {
      const [there, now] = [recorded[field], current[field]].map((value) => value && factText(value));
      return there === undefined || now === undefined || there === now
        ? []
        : [`${field} ${there} there, ${now} now`];
    }),
  ];
}
