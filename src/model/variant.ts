/**
 * The types that a model is run with, and the folder that is named after them.
 *
 * @module
 */
import { isObject, textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";
import { quantizedKvType, quantizedType } from "./quantization.ts";

/** What names a variant. */
export interface VariantOptions {
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** Weight type that was asked for; null or `auto` for the configuration's own. */
  readonly dtype: string | null;
  /** KV cache type that was asked for; null or `auto` for the weights' own. */
  readonly kvCacheDtype: string | null;
  /** Name that was asked for, null to derive it. */
  readonly variant: string | null;
}

/** The type of a model whose configuration names none: the one that the simulator takes it for. */
const ASSUMED = "bfloat16";

/** The engine's name of a type that has several. */
const CANONICAL: ReadonlyMap<string, string> = new Map([
  ["bf16", "bfloat16"],
  ["fp16", "float16"],
  ["half", "float16"],
  ["fp32", "float32"],
  ["float", "float32"],
]);

/** Short names; other types keep theirs. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["bfloat16", "bf16"],
  ["float16", "fp16"],
  ["float32", "fp32"],
  ["fp8_e4m3", "fp8"],
  ["fp8_e5m2", "fp8e5m2"],
]);

/** Weight types that the simulator's options and its reading of a configuration know. */
const SIMULATED = ["float16", "bfloat16", "float32", "fp8", "int8"];

/**
 * The type that the model computes with; its weights have it too, unless the checkpoint is quantized.
 *
 * @param config The model's configuration; it says `torch_dtype` or `dtype`, in `text_config` or beside it.
 * @param dtype Type that was asked for; null, `auto` or the type that the weights are quantized to for the
 * configuration's own.
 * @returns The type by its usual name; bfloat16 when nobody names one.
 *
 * @example
 * ```ts
 * import { resolveDtype } from "shotlab/model";
 * import assert from "node:assert/strict";
 * assert.equal(resolveDtype({ torch_dtype: "float16" }, null), "float16");
 * assert.equal(resolveDtype({ torch_dtype: "float16" }, "fp32"), "float32");
 * ```
 */
export function resolveDtype(config: ModelConfig, dtype: string | null): string {
  const asked = dtype !== null && dtype === quantizedType(config) ? null : named(dtype);
  return canonical(asked ?? ownDtype(config) ?? ASSUMED);
}

/**
 * The type that the weights have.
 *
 * @param config The model's configuration.
 * @param dtype Type that was asked for; null or `auto` for the configuration's own.
 * @returns The type that the checkpoint is quantized to, or the one that the model computes with.
 *
 * @example
 * ```ts
 * import { weightsDtype } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const config = { torch_dtype: "bfloat16", quantization_config: { quant_method: "fp8" } };
 * assert.equal(weightsDtype(config, null), "fp8");
 * ```
 */
export function weightsDtype(config: ModelConfig, dtype: string | null): string {
  return quantizedType(config) ?? resolveDtype(config, dtype);
}

/**
 * The type that the KV cache will have.
 *
 * @param config The model's configuration.
 * @param kvCacheDtype Type that was asked for; null or `auto` for the checkpoint's wish.
 * @returns The type, `auto` for that of the model's computation.
 *
 * @example
 * ```ts
 * import { resolveKvDtype } from "shotlab/model";
 * import assert from "node:assert/strict";
 * assert.equal(resolveKvDtype({}, null), "auto");
 * assert.equal(resolveKvDtype({}, "fp8"), "fp8");
 * ```
 */
export function resolveKvDtype(config: ModelConfig, kvCacheDtype: string | null): string {
  return named(kvCacheDtype) ?? quantizedKvType(config) ?? "auto";
}

/**
 * The name of a bundle's last folder.
 *
 * @param options The configuration and what was asked for.
 * @returns The name that was asked for, or the short name of the weight type, with `-kv` and that of the KV cache
 * when it has a type of its own.
 *
 * @example
 * ```ts
 * import { variantName } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const config = { torch_dtype: "bfloat16" };
 * assert.equal(variantName({ config, dtype: null, kvCacheDtype: "auto", variant: null }), "bf16");
 * assert.equal(variantName({ config, dtype: null, kvCacheDtype: "fp8", variant: null }), "bf16-kvfp8");
 * ```
 */
export function variantName(options: VariantOptions): string {
  const { config, dtype, kvCacheDtype, variant } = options;
  if (variant) return variant;
  const kv = named(resolveKvDtype(config, kvCacheDtype));
  return short(weightsDtype(config, dtype)) + (kv === null ? "" : `-kv${short(kv)}`);
}

/**
 * Whether the simulator's options lead to a variant: five weight types, and a KV cache of fp8 or of the weights' type.
 *
 * @param variant Name of the bundle's last folder.
 * @returns Whether one of its option sets names this folder.
 *
 * @example
 * ```ts
 * import { simulatorReaches } from "./variant.ts";
 * import assert from "node:assert/strict";
 * assert.equal(simulatorReaches("bf16-kvfp8"), true);
 * assert.equal(simulatorReaches("int4"), false);
 * ```
 */
export function simulatorReaches(variant: string): boolean {
  return SIMULATED.includes(weightType(variant.replace(/-kvfp8$/, "")));
}

/**
 * The folder that v1.2 of the simulator looks for: it has no options for types and reads the checkpoint alone.
 *
 * @param config The model's configuration.
 * @returns The variant's name, `default` when the configuration names no type.
 *
 * @example
 * ```ts
 * import { newerVariant } from "./variant.ts";
 * import assert from "node:assert/strict";
 * assert.equal(newerVariant({ torch_dtype: "bfloat16" }), "bf16");
 * assert.equal(newerVariant({ dtype: "bfloat16", quantization_config: { quant_method: "fp8" } }), "fp8");
 * ```
 */
export function newerVariant(config: ModelConfig): string {
  const flat: ModelConfig = { ...config, ...textConfig(config) };
  const quantization = isObject(flat.quantization_config) ? flat.quantization_config : {};
  const type = [quantization.quant_method, flat.torch_dtype, flat.dtype].find((name) =>
    typeof name === "string"
  );
  const kvFp8 = isObject(quantization.kv_cache_scheme) ||
    typeof quantization.kv_cache_quant_algo === "string";
  return `${typeof type === "string" ? short(type) : "default"}${kvFp8 ? "-kvfp8" : ""}`;
}

/**
 * What a user should know about a variant before its bundle is made.
 *
 * @param options The configuration and what was asked for.
 * @returns Sentences; none when the types are named and the simulator finds the folder by itself.
 */
export function variantNotices(options: VariantOptions): string[] {
  const { config, dtype } = options;
  const notices: string[] = [];
  if (named(dtype) === null && ownDtype(config) === null) {
    notices.push(`The model's config has neither torch_dtype nor dtype: ${ASSUMED} is assumed`);
  }
  const variant = variantName(options);
  const weights = weightType(variant.replace(/-kvfp8$/, ""));
  const found = SIMULATED.find((type) => type === config.torch_dtype) ?? ASSUMED;
  if (!simulatorReaches(variant)) {
    notices.push(
      `The simulator has no options that lead to the variant '${variant}': ` +
        `it knows weights of ${SIMULATED.join(", ")} and a KV cache of auto or fp8`,
    );
  } else if (weights !== found) {
    notices.push(
      `The simulator takes this model for ${found} by its config: tell it ${weights} for the variant '${variant}'`,
    );
  }
  return notices;
}

function ownDtype(config: ModelConfig): string | null {
  const text = textConfig(config);
  for (const value of [text.torch_dtype, text.dtype, config.torch_dtype, config.dtype]) {
    if (typeof value === "string" && named(value) !== null) return value;
  }
  return null;
}

function named(dtype: string | null): string | null {
  return dtype === null || dtype === "" || dtype === "auto" ? null : dtype;
}

function short(dtype: string): string {
  const name = canonical(dtype);
  return SHORT.get(name) ?? name;
}

function canonical(dtype: string): string {
  const name = dtype.replace(/^torch\./, "");
  return CANONICAL.get(name) ?? name;
}

function weightType(shortName: string): string {
  return SIMULATED.find((type) => short(type) === shortName) ?? shortName;
}
