/**
 * Finds a model's configuration and architecture.
 *
 * @module
 */
import { join } from "node:path";
import { CONFIG_DIR } from "../config_dir.ts";
import { UsageError } from "../errors.ts";
import { loadArchitecture } from "./architecture.ts";
import { isObject, textConfig } from "./config.ts";
import { listFiles } from "./list_files.ts";
import type { Model, ModelConfig } from "./model.ts";

/** Options of {@linkcode loadModel}. */
export interface LoadModelOptions {
  /**
   * Folder that has `model/<org>/<name>.json` and `architecture/<model_type>.yaml`.
   *
   * @default {"the project's own"}
   */
  readonly configDir?: string;
}

/**
 * Loads a model: its `config.json` and the architecture of its `model_type`.
 *
 * @param id `<org>/<name>`.
 * @param options Where the files are.
 * @returns The model.
 * @throws {UsageError} when there is no such file, listing those that there are, or one of them breaks a rule.
 *
 * @example
 * ```ts
 * import { loadModel } from "./load_model.ts";
 * import assert from "node:assert/strict";
 * const model = await loadModel("Qwen/Qwen3-0.6B");
 * assert.equal(model.config.hidden_size, 1024);
 * assert.equal(model.architecture.modelType, "qwen3");
 * ```
 */
export async function loadModel(id: string, options: LoadModelOptions = {}): Promise<Model> {
  const { configDir = CONFIG_DIR } = options;
  const folder = join(configDir, "model");
  const known = await listFiles(folder, ".json");
  if (!known.includes(id)) {
    throw new UsageError(
      `Cannot load model '${id}': ${folder} has ${known.join(", ") || "none"}; ` +
        `save its config.json from the hub as ${folder}/<org>/<name>.json`,
    );
  }
  const path = join(folder, `${id}.json`);
  const config = parseConfig(await Deno.readTextFile(path), path);
  return { id, config, architecture: await loadArchitecture(modelType(config, path), configDir) };
}

/**
 * Reads a model's `config.json`.
 *
 * @param text The file's JSON.
 * @param path Its path, for messages.
 * @returns The configuration.
 * @throws {UsageError} when the text is no JSON object.
 */
export function parseConfig(text: string, path: string): ModelConfig {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot read model config ${path}: it is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (isObject(config)) return config;
  throw new UsageError(`Cannot read model config ${path}: it must be a JSON object`);
}

function modelType(config: ModelConfig, path: string): string {
  const type = config.model_type ?? textConfig(config).model_type;
  if (typeof type === "string") return type;
  throw new UsageError(
    `Cannot read model config ${path}: model_type must be a text, got ${JSON.stringify(type ?? null)}`,
  );
}
