/**
 * A list of models with their settings, as a YAML file and as flags.
 *
 * @module
 */
import { z } from "zod";
import { parseYaml } from "../files/yaml.ts";
import { UsageError } from "../errors.ts";
import { fromFlags, fromOptions, resolve } from "./resolve.ts";
import type { Settings } from "./table.ts";

/** Settings by option name. */
type Options = Readonly<Record<string, unknown>>;

/** What a file says: settings for all models, and for each. */
export interface ModelsFile {
  /** Settings for all models. */
  readonly common: Options;
  /** The models with the settings that differ; null when the file names none. */
  readonly models: readonly (Options & { readonly model: string })[] | null;
}

const entry = z.union([
  z.string().transform((model) => ({ model })),
  z.looseObject({ model: z.string() }),
], { error: "must be <org>/<name>, or settings with a model among them" });
const fileSchema = z.looseObject({
  models: z.array(entry, { error: "must be a list" }).min(1, "must name one model or more").optional(),
}, { error: "must be settings, models among them" });

/**
 * Reads a file of models.
 *
 * @param text The YAML text.
 * @param path The file's path, for messages.
 * @returns What it says; that the settings are known is not checked yet.
 * @throws {UsageError} when it is no YAML or has no such form.
 *
 * @example
 * ```ts
 * import { parseModelsFile } from "./models_file.ts";
 * import assert from "node:assert/strict";
 * const text = "hardware: H100\nmodels:\n  - Qwen/Qwen3-32B\n  - { model: meta-llama/Llama-3.1-8B, tpDegrees: [1] }\n";
 * assert.deepEqual(parseModelsFile(text, "models.yaml"), {
 *   common: { hardware: "H100" },
 *   models: [{ model: "Qwen/Qwen3-32B" }, { model: "meta-llama/Llama-3.1-8B", tpDegrees: [1] }],
 * });
 * ```
 */
export function parseModelsFile(text: string, path: string): ModelsFile {
  const parsed = fileSchema.safeParse(parseYaml(text, path));
  if (!parsed.success) {
    const { path: at, message } = parsed.error.issues[0]!;
    throw new UsageError(`Cannot read ${path}: ${at.length > 0 ? at.join(".") : "it"} ${message}`);
  }
  const { models = null, ...common } = parsed.data;
  return { common, models };
}

/**
 * Resolves the settings of every model: flags win over a model's own in the file, these over those for all, these
 * over the environment.
 *
 * @param file What the file says.
 * @param models `<org>/<name>` of the models; those of the file keep their own settings.
 * @param flags Texts and switches by option name.
 * @param env Environment variables.
 * @returns The settings, in the order of the models.
 * @throws {UsageError} when a value breaks its rule.
 */
export function resolveModels(
  { common, models: known }: ModelsFile,
  models: readonly string[],
  flags: Readonly<Record<string, string | boolean | undefined>>,
  env: Readonly<Record<string, string>>,
): Settings[] {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const said = fromFlags(given);
  return models.map((model) => {
    const filed = fromOptions({ ...common, ...known?.find((entry) => entry.model === model), model });
    return resolve({
      values: { ...filed.values, ...given },
      show: (option, value) => (option in given ? said : filed).show(option, value),
      ask: said.ask,
      text: true,
    }, env);
  });
}
