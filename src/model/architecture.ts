/**
 * Architecture files: the layers of a `model_type`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { z } from "zod";
import { parseYaml } from "../files/yaml.ts";
import { UsageError } from "../errors.ts";
import { listFiles } from "./list_files.ts";
import type { Architecture, LayerGroup } from "./model.ts";

/** A layer of a category. */
export interface Layer {
  /** Name, as in the CSV files. */
  readonly name: string;
  /** Whether its time does not depend on the tensor-parallel degree. */
  readonly tpStable: boolean;
}

/** A class name, or alternatives. */
const className = z.string().min(1);
const classes = z.custom<string | string[]>(
  (value) => z.union([className, z.array(className).min(1)]).safeParse(value).success,
  { error: "must be a class name or a list of them" },
).transform((names) => typeof names === "string" ? [names] : names);
const entry = strict({
  vllm: classes,
  within: classes.optional(),
  tp_stable: z.boolean({ error: "must be true or false" }).optional(),
});
const group = z.record(z.string(), entry, { error: "must map layer names to entries; {} for none" });
const stageRule = { error: "must be a layer name, in a list that is [] for none" };
const stage = z.array(z.string(stageRule), stageRule);

/** An architecture's sequence and catalogue, as in its file; alternatives come out as lists. */
export const architectureSchema = strict({
  sequence: strict({
    prologue: stage,
    pre_attn: stage,
    post_attn: stage,
    mlp_dense: stage,
    mlp_moe: stage,
    head: stage,
  }),
  catalog: strict({ dense: group, per_sequence: group, attention: group, moe: group }),
});

/**
 * Reads an architecture file and checks that sequence and catalogue agree.
 *
 * @param text The file's YAML.
 * @param path Its path: the file is named after the `model_type`, and messages name it.
 * @returns The architecture.
 * @throws {UsageError} when the text breaks a rule, naming the file, the layer and the rule.
 */
export function parseArchitecture(text: string, path: string): Architecture {
  const parsed = architectureSchema.safeParse(parseYaml(text, path));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw broken(path, `${issue.path.join(".") || "the file"} ${issue.message}`);
  }
  const { sequence, catalog } = parsed.data;
  checkSingle(path, "attention", Object.keys(catalog.attention), 1);
  checkSingle(path, "moe", Object.keys(catalog.moe), 0);
  checkNames(path, parsed.data);
  return {
    modelType: basename(path, ".yaml"),
    sequence,
    catalog: catalog as Architecture["catalog"],
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

/**
 * Loads the architecture of a `model_type`.
 *
 * @param modelType As a model's configuration names it.
 * @param configDir Folder that has `architecture/<model_type>.yaml`.
 * @returns The architecture.
 * @throws {UsageError} when there is no file for it, listing those that there are, or the file breaks a rule.
 *
 * @example
 * ```ts
 * import { layersOf, loadArchitecture } from "./architecture.ts";
 * import assert from "node:assert/strict";
 * const qwen3 = await loadArchitecture("qwen3", "configs");
 * assert.deepEqual(layersOf(qwen3, "per_sequence"), [
 *   { name: "lm_head", tpStable: false },
 *   { name: "sampler", tpStable: true },
 * ]);
 * ```
 */
export async function loadArchitecture(modelType: string, configDir: string): Promise<Architecture> {
  const folder = join(configDir, "architecture");
  const known = await listFiles(folder, ".yaml");
  if (!known.includes(modelType)) {
    throw new UsageError(
      `Cannot use model_type '${modelType}': ${folder} describes ${known.join(", ") || "none"}; ` +
        `add ${modelType}.yaml there, or choose another model`,
    );
  }
  const path = join(folder, `${modelType}.yaml`);
  return parseArchitecture(await Deno.readTextFile(path), path);
}

/**
 * The layers of a category.
 *
 * @param architecture The architecture.
 * @param category A group of its catalogue.
 * @returns The layers, in the order of the catalogue.
 */
export function layersOf(architecture: Architecture, category: LayerGroup): Layer[] {
  return Object.entries(architecture.catalog[category])
    .map(([name, layer]) => ({ name, tpStable: layer.tp_stable ?? false }));
}

function checkNames(path: string, { sequence, catalog }: z.infer<typeof architectureSchema>): void {
  const groups = new Map<string, string>();
  const names = Object.values(catalog).flatMap((layers) => Object.keys(layers));
  const odd = names.find((name) => !/^\w[\w.-]*$/.test(name));
  if (odd !== undefined) {
    throw broken(path, `layer '${odd}' must have a name of letters, digits, '_', '.' and '-'`);
  }
  for (const [group, layers] of Object.entries(catalog)) {
    for (const name of Object.keys(layers)) {
      const other = groups.get(name);
      if (other !== undefined) {
        throw broken(path, `layer '${name}' must be in one group, got catalog.${other} and catalog.${group}`);
      }
      groups.set(name, group);
    }
  }
  const walked = new Set<string>();
  for (const [stage, names] of Object.entries(sequence)) {
    for (const name of names) {
      walked.add(name);
      if (!groups.has(name)) {
        throw broken(path, `layer '${name}' of sequence.${stage} must be in the catalog`);
      }
    }
  }
  for (const [name, group] of groups) {
    if (!walked.has(name)) throw broken(path, `layer '${name}' of catalog.${group} must be in the sequence`);
  }
}

/** The rows of these groups name no layer. */
function checkSingle(path: string, group: LayerGroup, names: readonly string[], least: number): void {
  if (names.length >= least && names.length <= 1) return;
  const rule = least === 1 ? "one layer" : "one layer at most";
  throw broken(path, `catalog.${group} must have ${rule}, got ${names.join(", ") || "none"}`);
}

function broken(path: string, rule: string): UsageError {
  return new UsageError(`Cannot use architecture ${path}: ${rule}`);
}

function strict<T extends z.ZodRawShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `has an unknown key '${(issue.keys as string[])[0]}'; known are ${known}`
        : `must be a map with ${known}`,
  });
}
