/**
 * Architecture files: the layers of a `model_type`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { z } from "zod";
import { readText } from "../files/read.ts";
import { parseYaml } from "../files/yaml.ts";
import { UsageError } from "../errors.ts";
import { isObject } from "./config.ts";
import { listFiles } from "./list_files.ts";
import type { Architecture, LayerGroup } from "./model.ts";

/** A class name, or alternatives. */
const className = z.string().min(1);
const classes = namesOf(className, "must be a class name or a list of them");
const flag = z.boolean({ error: "must be true or false" });
const plainEntry = strict({ vllm: classes, within: classes.optional(), tp_stable: flag.optional() });
const entry = strict({
  ...plainEntry.shape,
  not_within: classes.optional(),
  sequence_parallel: flag.optional(),
  key_saturates: flag.optional(),
});
/** Kernels by name, and modules if there are any. */
const kernelsEntry = strict({
  ...entry.shape,
  vllm: classes.or(z.tuple([])).default(() => []),
  within: classes,
  kernels: namesOf(z.string().min(1), "must be a text in the names of kernels or a list of them"),
});
const groupRule = { error: "must map layer names to entries; {} for none" };
const none = (): Record<string, never> => ({});
const plainGroup = z.record(z.string(), plainEntry, groupRule).default(none);
const group = z.record(
  z.string(),
  z.unknown().transform((value, { addIssue }) => {
    const parsed = (isObject(value) && "kernels" in value ? kernelsEntry : entry).safeParse(value);
    if (parsed.success) return withNamedKernels(parsed.data);
    for (const { path, message } of parsed.error.issues) addIssue({ code: "custom", path, message });
    return z.NEVER;
  }),
  groupRule,
);
const stageRule = { error: "must be a layer name, in a list that is [] for none" };
const stage = z.array(z.string(stageRule), stageRule).default(() => []);

const attentionBlocks = z.record(z.string(), strict({ pre_attn: stage, post_attn: stage }), {
  error: "must map types of attention to pre_attn and post_attn",
});
const blocks = strict({
  attn: attentionBlocks,
  sparse_attn: attentionBlocks.default(none),
  mlp: strict({ dense: stage, moe: stage }).default(() => ({ dense: [], moe: [] })),
});
/** Before v1.2.0 a drafter had a `block`: the layers before a decoder layer as the model has them. */
const mtp = strict({
  block: stage.optional(),
  prologue: stage,
  decoder_block: strict({
    attn: z.string({ error: "must be a type of attention" }),
    mlp: z.enum(["dense", "moe"], { error: "must be dense or moe" }).optional(),
    sparse: flag.optional(),
  }).optional(),
  head: stage,
}).transform(({ block = [], prologue, ...others }) => ({ prologue: [...block, ...prologue], ...others }));

const STAGES = {
  prologue: stage,
  pre_attn: stage,
  post_attn: stage,
  mlp_dense: stage,
  mlp_moe: stage,
  head: stage,
};

/** The form of August, and ours: one sequence. */
const sequenceFile = strict({
  sequence: strict(STAGES),
  catalog: strict({ dense: plainGroup, per_sequence: plainGroup, attention: plainGroup, moe: plainGroup }),
});

const catalog = strict({
  dense: group.default(none),
  per_sequence: group.default(none),
  attention: group.default(none),
  moe: group.default(none),
  linear_attention: group.optional(),
  mtp: group.optional(),
});

/** The form of v1.2: each kind of decoder layer, and what they share. */
const blocksFile = strict({
  model_types: z.array(z.string(), { error: "must be a list of model types" }).optional(),
  blocks,
  shared: strict({ prologue: stage, head: stage }),
  mtp: mtp.optional(),
  catalog,
});

/** An architecture as it was read, in the head of a plan. */
export const architectureSchema = strict({
  sequence: strict(STAGES),
  blocks: blocks.optional(),
  mtp: mtp.optional(),
  catalog,
});

/**
 * Reads an architecture file and checks that the order of its layers and its catalogue agree. Groups and stages that
 * it lacks are empty.
 *
 * @param text The file's YAML: a `sequence`, or `blocks` by kind of decoder layer with what they `share`.
 * @param path Its path: the file is named after the `model_type`, and messages name it.
 * @returns The architecture.
 * @throws {UsageError} when the text breaks a rule, naming the file, the layer and the rule.
 */
export function parseArchitecture(text: string, path: string): Architecture {
  const data = parseYaml(text, path);
  const read: z.infer<typeof architectureSchema> = isObject(data) && "blocks" in data
    ? fromBlocks(parseWith(blocksFile, data, path))
    : parseWith(sequenceFile, data, path);
  checkSingle(path, "moe", Object.keys(read.catalog.moe), 0);
  checkSingle(
    path,
    "attention",
    Object.keys(read.catalog.attention),
    1,
    read.blocks === undefined ? 1 : Infinity,
  );
  checkNames(path, walkedStages(read), read.catalog, read.blocks === undefined);
  return {
    modelType: basename(path, ".yaml"),
    ...read as Omit<Architecture, "modelType" | "sha256">,
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

function parseWith<T extends z.ZodType>(schema: T, data: unknown, path: string): z.infer<T> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw broken(path, `${issue.path.join(".") || "the file"} ${issue.message}`);
}

/** Adds the sequence: where the kinds of decoder layers differ, a stage has the layers of all, each once. */
function fromBlocks(
  { blocks, shared, mtp, catalog }: z.infer<typeof blocksFile>,
): z.infer<typeof architectureSchema> {
  const kinds = [...Object.values(blocks.attn), ...Object.values(blocks.sparse_attn)];
  const [first] = kinds;
  const stageOf = (stage: "pre_attn" | "post_attn"): string[] =>
    kinds.length === 1 ? [...first![stage]] : [...new Set(kinds.flatMap((kind) => kind[stage]))];
  return {
    sequence: {
      prologue: shared.prologue,
      pre_attn: stageOf("pre_attn"),
      post_attn: stageOf("post_attn"),
      mlp_dense: blocks.mlp.dense,
      mlp_moe: blocks.mlp.moe,
      head: shared.head,
    },
    blocks,
    ...mtp && { mtp },
    catalog,
  };
}

/** The names of every place in a file where a layer may be run. */
function walkedStages(
  { sequence, blocks, mtp }: Partial<z.infer<typeof architectureSchema>>,
): [stage: string, names: readonly string[]][] {
  if (blocks === undefined) {
    return Object.entries(sequence ?? {}).map(([stage, names]) => [`sequence.${stage}`, names]);
  }
  const attention = (["attn", "sparse_attn"] as const).flatMap((group) =>
    Object.entries(blocks[group]).flatMap(([type, stages]) =>
      Object.entries(stages).map((
        [stage, names],
      ): [string, string[]] => [`blocks.${group}.${type}.${stage}`, names])
    )
  );
  const mlp = Object.entries(blocks.mlp).map((
    [kind, names],
  ): [string, string[]] => [`blocks.mlp.${kind}`, names]);
  return [
    ["shared.prologue", sequence?.prologue ?? []],
    ...attention,
    ...mlp,
    ["shared.head", sequence?.head ?? []],
    ["mtp.prologue", mtp?.prologue ?? []],
    ["mtp.head", mtp?.head ?? []],
  ];
}

/**
 * Loads the architecture of a `model_type`: the file of that name, else the one that lists it under `model_types`.
 *
 * @param modelType As a model's configuration names it.
 * @param configDir Folder that has `architecture/<model_type>.yaml`.
 * @returns The architecture.
 * @throws {UsageError} when there is no file for it, listing those that there are, or the file breaks a rule.
 *
 * @example
 * ```ts
 * import { layersOf, loadArchitecture } from "shotlab/model";
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
  const name = known.includes(modelType) ? modelType : await claimant(modelType, folder, known);
  if (name === undefined) {
    throw new UsageError(
      `Cannot use model_type '${modelType}': ${folder} describes ${known.join(", ") || "none"}; ` +
        `add ${modelType}.yaml there (the command inspect drafts it), or choose another model`,
    );
  }
  const path = join(folder, `${name}.yaml`);
  return parseArchitecture(await readText(path), path);
}

/** The file that lists a type under `model_types`; one that cannot be read lists none. */
async function claimant(
  modelType: string,
  folder: string,
  known: readonly string[],
): Promise<string | undefined> {
  const claims: string[] = [];
  for (const name of known) {
    const path = join(folder, `${name}.yaml`);
    const { model_types: types } = z.looseObject({ model_types: z.array(z.string()) }).catch({
      model_types: [],
    })
      .parse(parseYaml(await readText(path), path));
    if (types.includes(modelType)) claims.push(name);
  }
  if (claims.length <= 1) return claims[0];
  throw new UsageError(
    `Cannot use model_type '${modelType}': ${
      claims.join(" and ")
    } of ${folder} both list it; leave it in one`,
  );
}

/** v1.2 names kernels among the classes; classes of Python begin with a capital. */
const KERNEL = /^[a-z_]|\*|::/;

/** An entry of either schema. */
type Entry = z.infer<typeof entry> & { readonly kernels?: string[] };

function withNamedKernels({ vllm, kernels = [], ...others }: Entry): Entry {
  const named = others.within === undefined ? [] : vllm.filter((name) => KERNEL.test(name));
  const all = [...named, ...kernels];
  return {
    vllm: vllm.filter((name) => !named.includes(name)),
    ...others,
    ...all.length > 0 && { kernels: all },
  };
}

/** A name, or alternatives, always as a list. */
function namesOf(name: z.ZodString, error: string): z.ZodType<string[], unknown> {
  return z.custom<string | string[]>(
    (value) => z.union([name, z.array(name).min(1)]).safeParse(value).success,
    { error },
  ).transform((names) => typeof names === "string" ? [names] : names);
}

function checkNames(
  path: string,
  stages: readonly (readonly [stage: string, names: readonly string[]])[],
  catalog: object,
  allWalked: boolean,
): void {
  const groups = new Map<string, string>();
  const layered = Object.entries(catalog) as [group: string, layers: object][];
  const odd = layered.flatMap(([, layers]) => Object.keys(layers)).find((name) => !/^\w[\w.-]*$/.test(name));
  if (odd !== undefined) {
    throw broken(path, `layer '${odd}' must have a name of letters, digits, '_', '.' and '-'`);
  }
  for (const [group, layers] of layered) {
    for (const name of Object.keys(layers)) {
      const other = groups.get(name);
      if (other !== undefined) {
        throw broken(path, `layer '${name}' must be in one group, got catalog.${other} and catalog.${group}`);
      }
      groups.set(name, group);
    }
  }
  const walked = new Set<string>();
  for (const [stage, names] of stages) {
    for (const name of names) {
      walked.add(name);
      if (!groups.has(name)) throw broken(path, `layer '${name}' of ${stage} must be in the catalog`);
    }
  }
  if (!allWalked) return;
  for (const [name, group] of groups) {
    if (!walked.has(name)) throw broken(path, `layer '${name}' of catalog.${group} must be in the sequence`);
  }
}

/** The rows of these groups name no layer. */
function checkSingle(
  path: string,
  group: LayerGroup,
  names: readonly string[],
  least: number,
  most = 1,
): void {
  if (names.length >= least && names.length <= most) return;
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
