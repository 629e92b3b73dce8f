/**
 * The type that the quickstart measures a model in.
 *
 * @module
 */
import { computesNatively, type Processor, processorText } from "../../src/processor.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { quantizedType } from "../../src/model/quantization.ts";
import { resolveDtype } from "../../src/model/variant.ts";

/** A type, and why it was chosen. */
export interface ChosenDtype {
  /** The type. */
  readonly dtype: string;
  /** What was chosen and why, in a line. */
  readonly reason: string;
}

/**
 * Chooses the type that a processor computes with as it is: the model's own, or else float32.
 *
 * @param config The model's configuration.
 * @param processor The processor; undefined where the engine computes on another device.
 * @returns The type; null where there is nothing to choose: on other devices, for quantized models, and for
 * processors of which nobody knows.
 *
 * @example
 * ```ts
 * import { chooseDtype } from "./dtype.ts";
 * import assert from "node:assert/strict";
 * const zen3 = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
 * assert.equal(chooseDtype({ torch_dtype: "bfloat16" }, zen3)?.dtype, "float32");
 * ```
 */
export function chooseDtype(config: ModelConfig, processor: Processor | undefined): ChosenDtype | null {
  if (processor === undefined || quantizedType(config) !== null) return null;
  const own = resolveDtype(config, null);
  const isNative = computesNatively(processor, own);
  if (isNative === null) return null;
  const who = processorText(processor);
  return isNative ? { dtype: own, reason: `Measuring in ${own}: ${who} computes with it as it is` } : {
    dtype: "float32",
    reason: `Measuring in float32: ${who} would emulate the model's ${own} (--dtype ${own} measures that)`,
  };
}
