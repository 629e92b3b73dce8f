/**
 * Checkpoints with quantized weights, as their configurations describe them.
 *
 * @module
 */
import { isObject, textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Methods that have one type of weights. */
const METHODS: Readonly<Record<string, string>> = {
  fp8: "fp8",
  fbgemm_fp8: "fp8",
  deepseek_v4_fp8: "fp8",
  experts_int8: "int8",
  mxfp4: "mxfp4",
  gpt_oss_mxfp4: "mxfp4",
  modelopt_fp4: "nvfp4",
};

/**
 * The type that a checkpoint's weights are quantized to.
 *
 * @param config The configuration; `quantization_config` is beside `text_config` or in it.
 * @returns `fp8`, `int8`, `int4` and so on; the method's own name where it has no one type; null for weights that
 * are not quantized.
 *
 * @example
 * ```ts
 * import { quantizedType } from "./quantization.ts";
 * import assert from "node:assert/strict";
 * assert.equal(quantizedType({ quantization_config: { quant_method: "awq", bits: 4 } }), "int4");
 * assert.equal(quantizedType({ torch_dtype: "bfloat16" }), null);
 * ```
 */
export function quantizedType(config: ModelConfig): string | null {
  const scheme = schemeOf(config);
  if (scheme === null) return null;
  const method = typeof scheme.quant_method === "string" ? scheme.quant_method.toLowerCase() : "";
  return METHODS[method] ?? algorithm(scheme) ?? groupType(scheme) ?? bitsAndBytes(scheme) ??
    integer(scheme.bits ?? scheme.w_bit) ?? (method.replace(/[^a-z0-9]+/g, "_") || "quantized");
}

/** Methods whose kernels turn weights into the type of the computation before they multiply. */
const WEIGHTS_ALONE = ["awq", "gptq", "bitsandbytes", "experts_int8", "hqq"];

/**
 * Whether a checkpoint has quantized weights alone: activations stay as they are, and products are computed in their
 * type.
 *
 * @param config The configuration.
 * @returns Whether it does; of compressed-tensors what its groups say of activations, other methods quantize both where
 * the device computes in such a type.
 */
export function quantizesWeightsAlone(config: ModelConfig): boolean {
  const scheme = schemeOf(config);
  if (scheme === null) return false;
  const method = String(scheme.quant_method ?? "").toLowerCase();
  if (WEIGHTS_ALONE.some((name) => method.startsWith(name))) return true;
  const { quant_algo: algorithm } = isObject(scheme.quantization) ? scheme.quantization : scheme;
  if (/^w\d+a16/i.test(String(algorithm ?? ""))) return true;
  const groups = isObject(scheme.config_groups) ? Object.values(scheme.config_groups) : [];
  return groups.length > 0 &&
    groups.every((group) => isObject(group) && (group.input_activations ?? null) === null);
}

/**
 * The type that a checkpoint wants its KV cache to have: the engine takes it when nobody asks for another.
 *
 * @param config The configuration.
 * @returns `fp8` or `nvfp4`, null when it says nothing.
 */
export function quantizedKvType(config: ModelConfig): string | null {
  const scheme = schemeOf(config);
  if (scheme === null) return null;
  const inner = isObject(scheme.quantization) ? scheme.quantization : scheme;
  const wish = inner.kv_cache_scheme ?? scheme.kv_cache_scheme ?? inner.kv_cache_quant_algo ?? null;
  if (isObject(wish)) return wish.num_bits === 4 ? "nvfp4" : "fp8";
  const name = typeof wish === "string" ? wish.toLowerCase() : "";
  return name === "fp8" || name === "nvfp4" ? name : null;
}

/**
 * How a checkpoint says that it is quantized.
 *
 * @param config The configuration.
 * @returns Its `quantization_config` or `compression_config`, beside `text_config` or in it; null for none.
 */
export function schemeOf(config: ModelConfig): Fields | null {
  const places = [config, textConfig(config)];
  const schemes = places.flatMap((place) => [place.quantization_config, place.compression_config]);
  return schemes.find((scheme) => isObject(scheme) && Object.keys(scheme).length > 0) as Fields ?? null;
}

/** ModelOpt's own name, such as FP8 or NVFP4. */
function algorithm(scheme: Fields): string | null {
  const inner = isObject(scheme.quantization) ? scheme.quantization : scheme;
  const name = typeof inner.quant_algo === "string" ? inner.quant_algo.toLowerCase() : null;
  return name === null ? null : /^fp8|nvfp4/.exec(name)?.[0] ?? name;
}

/** The type that all groups of compressed-tensors share. */
function groupType(scheme: Fields): string | null {
  if (!isObject(scheme.config_groups)) return null;
  const types = new Set(
    Object.values(scheme.config_groups).map((group) => {
      const weights = isObject(group) && isObject(group.weights) ? group.weights : {};
      if (weights.type !== "float") return integer(weights.num_bits);
      return weights.num_bits === 8
        ? "fp8"
        : String(scheme.format ?? "").startsWith("nvfp4")
        ? "nvfp4"
        : "mxfp4";
    }),
  );
  const [type] = types;
  return types.size === 1 ? type ?? null : null;
}

function bitsAndBytes(scheme: Fields): string | null {
  if (scheme.load_in_8bit === true) return "int8";
  return scheme.load_in_4bit === true ? String(scheme.bnb_4bit_quant_type ?? "fp4") : null;
}

function integer(bits: unknown): string | null {
  return typeof bits === "number" && Number.isInteger(bits) ? `int${bits}` : null;
}
