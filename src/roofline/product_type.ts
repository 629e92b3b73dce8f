/**
 * In which type a device computes a model's products.
 *
 * @module
 */
import type { ModelConfig } from "../model/model.ts";
import { quantizedType, quantizesWeightsAlone } from "../model/quantization.ts";
import { resolveDtype, weightsDtype } from "../model/variant.ts";
import type { HardwareSheet } from "./hardware.ts";

/**
 * The type of the products, whose peak bounds them: of quantized weights theirs only where the method quantizes
 * activations too and the device has a peak for it; else kernels turn the weights into the type of the computation.
 *
 * @param sheet The device's data sheet.
 * @param config The model's configuration.
 * @param dtype Type that was asked for, null or `auto` for the configuration's own.
 * @returns The type, which the sheet may lack.
 *
 * @example
 * ```ts
 * import { productType } from "./product_type.ts";
 * import { loadHardware } from "./hardware.ts";
 * import assert from "node:assert/strict";
 * const sheet = await loadHardware("H100", "configs");
 * const quantized = (quantization_config: object) => ({ torch_dtype: "bfloat16", quantization_config });
 * assert.equal(productType(sheet, quantized({ quant_method: "fp8" }), null), "fp8");
 * assert.equal(productType(sheet, quantized({ quant_method: "awq", bits: 4 }), null), "bfloat16");
 * ```
 */
export function productType(
  { peak_tflops: peaks }: Pick<HardwareSheet, "peak_tflops">,
  config: ModelConfig,
  dtype: string | null,
): string {
  const weights = weightsDtype(config, dtype);
  if (quantizedType(config) === null) return weights;
  return peaks[weights] !== undefined && !quantizesWeightsAlone(config)
    ? weights
    : resolveDtype(config, dtype);
}
