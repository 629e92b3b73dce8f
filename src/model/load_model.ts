/**
 * Finds a model's configuration and architecture.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { parseJson } from "../files/json.ts";
import { readTextIfThere } from "../files/read.ts";
import { modelFolders } from "../files/folder_name.ts";
import { writeAtomic, writeError } from "../files/write.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import { UsageError } from "../errors.ts";
import { loadArchitecture } from "./architecture.ts";
import { isObject, textConfig } from "./config.ts";
import { configFault } from "./config_faults.ts";
import { ownArchitecture } from "./decoder_layers.ts";
import { downloadConfig, downloadQuantization, hubOf, storedToken } from "./hub.ts";
import type { Model, ModelConfig } from "./model.ts";
import { schemeOf } from "./quantization.ts";
import { readOrigin, writeOrigin } from "./origin.ts";

/** Options of {@linkcode loadModel}. */
export interface LoadModelOptions {
  /**
   * Folder that has `model/<org>/<name>.json` and `architecture/<model_type>.yaml`.
   *
   * @default {"the project's own"}
   */
  readonly configDir?: string;
  /** Whether a configuration that is not there may be downloaded. @default {true} */
  readonly download?: boolean;
  /** Branch, tag or commit of the model on the hub. @default {"main"} */
  readonly revision?: string | null;
  /** Environment variables that say which hub is asked, and as whom. @default {"those of this process"} */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends a download. */
  readonly signal?: AbortSignal;
  /** Told in a sentence of a download. */
  readonly onDownload?: (message: string) => void;
}

/**
 * Loads a model: its `config.json` and the architecture of its `model_type`. A configuration that is not in the
 * folder is downloaded from the Hugging Face hub and kept there; those of another revision than `main` as
 * `<name>@<revision>.json`.
 *
 * @param id `<org>/<name>`.
 * @param options Where the files are, and how they are downloaded.
 * @returns The model.
 * @throws {UsageError} when there is no such model here or on the hub, or one of its files breaks a rule.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import assert from "node:assert/strict";
 * const model = await loadModel("Qwen/Qwen3-0.6B");
 * assert.equal(model.config.hidden_size, 1024);
 * assert.equal(model.architecture.modelType, "qwen3");
 * ```
 */
export async function loadModel(id: string, options: LoadModelOptions = {}): Promise<Model> {
  const { modelType, ...model } = await loadConfig(id, options);
  const architecture = await loadArchitecture(modelType, options.configDir ?? CONFIG_DIR);
  return { ...model, architecture: ownArchitecture({ ...model, architecture }) };
}

/** A model's configuration, without the architecture that it is measured by. */
export interface LoadedConfig extends Omit<Model, "architecture"> {
  /** Its `model_type`. */
  readonly modelType: string;
}

/**
 * Loads a model's configuration as {@linkcode loadModel} does, whether there is an architecture for it or not.
 *
 * @param id `<org>/<name>`.
 * @param options Where the files are, and how they are downloaded.
 * @returns The configuration and its type.
 * @throws {UsageError} when there is no such model here or on the hub, or its file breaks a rule.
 *
 * @example
 * ```ts
 * import { loadConfig } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { modelType, config } = await loadConfig("meta-llama/Llama-3.1-8B");
 * assert.deepEqual([modelType, config["num_hidden_layers"]], ["llama", 32]);
 * ```
 */
export async function loadConfig(id: string, options: LoadModelOptions = {}): Promise<LoadedConfig> {
  const { configDir = CONFIG_DIR } = options;
  const revision = options.revision ?? "main";
  const [org, name] = modelFolders(id);
  const suffix = revision === "main" ? "" : `@${encodeURIComponent(revision)}`;
  const folder = join(configDir, "model");
  const path = join(folder, org, `${name}${suffix}.json`);
  const text = await readTextIfThere(path) ?? await download({ id, revision, folder, path }, options);
  const config = parseConfig(text, path);
  const fault = configFault(config);
  if (fault !== null) throw new UsageError(`Cannot read model config ${path}: ${fault}`);
  const type = modelType(config, path);
  const origin = await readOrigin(path, text);
  return { id, config, modelType: type, ...origin !== null && { revision: origin } };
}

/** What is downloaded, and to where. */
interface Target {
  readonly id: string;
  readonly revision: string;
  readonly folder: string;
  readonly path: string;
}

async function download({ id, revision, folder, path }: Target, options: LoadModelOptions): Promise<string> {
  const { download: allowed = true, env = Deno.env.toObject(), signal, onDownload } = options;
  const { offline, ...hub } = hubOf(env);
  if (offline || !allowed) {
    const remedy = allowed ? "unset HF_HUB_OFFLINE to download it, or save its" : "save its";
    throw new UsageError(
      `Cannot load model '${id}': ${folder} does not have it (the command models lists what it has); ` +
        `${remedy} config.json from the hub as ${path}`,
    );
  }
  const from = { ...hub, token: hub.token ?? await storedToken(env), ...signal && { signal } };
  const { text: config, revision: commit } = await downloadConfig(id, { ...from, revision });
  const beside = schemeOf(parseConfig(config, path)) === null
    ? await downloadQuantization(id, { ...from, revision: commit })
    : null;
  const text = beside === null ? config : withQuantization(config, beside, `${path} of ${hub.endpoint}`);
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw writeError(path, error);
  }
  await writeOrigin(path, text, commit);
  await writeAtomic(path, text);
  onDownload?.(`The config of ${id} (${revision}) was downloaded from ${hub.endpoint} to ${path}`);
  return text;
}

/** A configuration with what its checkpoint says of its weights in a file of its own; numbers stay as they are written. */
function withQuantization(config: string, beside: string, path: string): string {
  const inner = parseConfig(beside, path).quantization;
  if (!isObject(inner) || typeof inner.quant_algo !== "string") return config;
  const scheme = beside.trim().replace(/^\{/, '{ "quant_method": "modelopt",');
  return config.trimEnd().replace(/\}$/, `,\n  "quantization_config": ${scheme}\n}\n`);
}

/** Reads a model's `config.json`; throws a UsageError when it is no JSON object. */
function parseConfig(text: string, path: string): ModelConfig {
  let config: unknown;
  try {
    config = parseJson(text);
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
