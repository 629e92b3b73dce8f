/**
 * The models that have a configuration here, and where each was measured.
 *
 * @module
 */
import { join } from "node:path";
import { CONFIG_DIR, requireConfigDir } from "../config_dir.ts";
import { UsageError } from "../errors.ts";
import { listFiles } from "./list_files.ts";
import { loadConfig } from "./load_model.ts";
import { loadArchitecture } from "./architecture.ts";
import { firstOfEach, kindName, layerKinds } from "./kinds.ts";
import { countParameters, type ParameterCount } from "./parameters.ts";
import { quantizedType } from "./quantization.ts";

/** A model of the catalogue. */
export interface CatalogueEntry {
  /** `<org>/<name>`. */
  readonly model: string;
  /** Its `model_type`. */
  readonly modelType: string;
  /** Its parameters, estimated from its sizes. */
  readonly parameters: ParameterCount;
  /** Kinds of its decoder layers, and how many it has of each. */
  readonly kinds: readonly { readonly kind: string; readonly layers: number }[];
  /** Type of its quantized weights, null for none. */
  readonly quantized: string | null;
  /** Whether an architecture file describes its type; `inspect` drafts one. */
  readonly hasArchitecture: boolean;
  /** Bundles that were measured of it, as `<hardware>/<variant>`. */
  readonly measured: readonly string[];
}

/** Where configurations and bundles are. */
export interface CatalogueOptions {
  /** Folder of `model/` and `architecture/`. @default {"the project's own"} */
  readonly configDir?: string;
  /** Folder of the bundles. @default {"perf"} */
  readonly perfDir?: string;
}

/**
 * Lists the models that have a configuration.
 *
 * @param options Where configurations and bundles are.
 * @returns The models, sorted by name.
 * @throws {UsageError} when there is no such folder of configurations, or one of them breaks a rule.
 *
 * @example
 * ```ts
 * import { listModels } from "shotlab";
 * import assert from "node:assert/strict";
 * const models = await listModels();
 * const gemma = models.find(({ model }) => model === "google/gemma-3-27b-it");
 * assert.deepEqual(gemma?.kinds, [
 *   { kind: "sliding_attention/dense", layers: 52 },
 *   { kind: "full_attention/dense", layers: 10 },
 * ]);
 * ```
 */
export async function listModels(options: CatalogueOptions = {}): Promise<CatalogueEntry[]> {
  const { configDir = CONFIG_DIR, perfDir = "perf" } = options;
  await requireConfigDir(configDir);
  const ids = (await listFiles(join(configDir, "model"), ".json")).filter((id) => /^[^/]+\/[^/@]+$/.test(id));
  const metas = await listFiles(perfDir, ".yaml");
  return await Promise.all(ids.map(async (id) => {
    const { config, modelType } = await loadConfig(id, { configDir, download: false });
    const kinds = layerKinds({ id, config });
    const names = kinds.map((kind) => kindName(kind).replace(/\/plain$/, ""));
    return {
      model: id,
      modelType,
      parameters: countParameters({ id, config }),
      kinds: firstOfEach(kinds).map((at) => ({
        kind: names[at]!,
        layers: names.filter((name) => name === names[at]).length,
      })),
      quantized: quantizedType(config),
      hasArchitecture: await isDescribed(modelType, configDir),
      measured: metas.flatMap((path) => {
        const found = /^([^/]+)\/(.+)\/([^/]+)\/meta$/.exec(path);
        return found?.[2] === id ? [`${found[1]}/${found[3]}`] : [];
      }),
    };
  }));
}

async function isDescribed(modelType: string, configDir: string): Promise<boolean> {
  try {
    await loadArchitecture(modelType, configDir);
    return true;
  } catch (error) {
    if (error instanceof UsageError && error.message.startsWith("Cannot use model_type")) return false;
    throw error;
  }
}
