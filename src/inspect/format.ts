/**
 * Architecture files as text.
 *
 * @module
 */
import type { CatalogEntry } from "../model/model.ts";
import { type ArchitectureDraft, GROUPS } from "./draft.ts";

/** The longest line that is not broken. */
const WIDTH = 110;

/**
 * Writes a draft as an architecture file: with a `sequence` when all decoder layers are of one kind and have none but
 * the groups and keys of old files, else with `blocks`.
 *
 * @param draft The draft.
 * @param options `comment`: lines for its head; `modelTypes`: what it is for beside its name, none by default.
 * @returns The file's YAML.
 */
export function formatArchitecture(
  draft: ArchitectureDraft,
  { comment, modelTypes = [] }: {
    readonly comment: readonly string[];
    readonly modelTypes?: readonly string[];
  },
): string {
  return [
    ...comment.map((line) => `# ${line}`.trimEnd()),
    ...modelTypes.length > 0 ? [`model_types: ${list(modelTypes)}`] : [],
    ...isOneSequence(draft) ? sequenceLines(draft) : blockLines(draft),
    "",
    "catalog:",
    ...GROUPS.flatMap((group) => groupLines(group, draft.catalog[group])),
    "",
  ].join("\n");
}

function isOneSequence({ blocks, catalog }: ArchitectureDraft): boolean {
  const [only, ...others] = Object.entries(blocks.attn);
  return only?.[0] === "full_attention" && others.length === 0 &&
    Object.keys(blocks.sparse_attn).length === 0 &&
    Object.keys(catalog.linear_attention).length === 0 && Object.keys(catalog.attention).length === 1 &&
    Object.values(catalog.dense).every(({ not_within, kernels }) =>
      not_within === undefined && kernels === undefined
    ) &&
    !(blocks.mlp.dense.length > 0 && blocks.mlp.moe.length > 0);
}

function sequenceLines({ blocks, shared }: ArchitectureDraft): string[] {
  const { pre_attn, post_attn } = blocks.attn.full_attention!;
  const stages = {
    prologue: shared.prologue,
    pre_attn,
    post_attn,
    mlp_dense: blocks.mlp.dense,
    mlp_moe: blocks.mlp.moe,
    head: shared.head,
  };
  return ["sequence:", ...Object.entries(stages).map(([stage, names]) => `  ${stage}: ${list(names)}`)];
}

function blockLines({ blocks, shared }: ArchitectureDraft): string[] {
  const attention = (["attn", "sparse_attn"] as const).flatMap((group) => {
    const types = Object.entries(blocks[group]);
    if (types.length === 0) return [];
    return [
      `  ${group}:`,
      ...types.flatMap(([type, stages]) => [
        `    ${type}:`,
        `      pre_attn: ${list(stages.pre_attn)}`,
        `      post_attn: ${list(stages.post_attn)}`,
      ]),
    ];
  });
  return [
    "blocks:",
    ...attention,
    "  mlp:",
    `    dense: ${list(blocks.mlp.dense)}`,
    `    moe: ${list(blocks.mlp.moe)}`,
    "shared:",
    `  prologue: ${list(shared.prologue)}`,
    `  head: ${list(shared.head)}`,
  ];
}

function groupLines(group: string, entries: Readonly<Record<string, CatalogEntry>>): string[] {
  const names = Object.keys(entries);
  if (names.length === 0) return group === "linear_attention" ? [] : [`  ${group}: {}`];
  return [`  ${group}:`, ...names.flatMap((name) => entryLines(name, entries[name]!))];
}

function entryLines(
  name: string,
  { vllm, within, not_within, kernels, tp_stable }: CatalogEntry,
): string[] {
  const fields = [
    ...vllm.length === 0 ? [] : [`vllm: ${oneOrList(vllm)}`],
    ...within === undefined ? [] : [`within: ${oneOrList(within)}`],
    ...kernels === undefined ? [] : [`kernels: ${oneOrList(kernels)}`],
    ...not_within === undefined ? [] : [`not_within: ${oneOrList(not_within)}`],
    ...tp_stable ? ["tp_stable: true"] : [],
  ];
  const line = `    ${name}: { ${fields.join(", ")} }`;
  return line.length <= WIDTH ? [line] : [`    ${name}:`, ...fields.map((field) => `      ${field}`)];
}

function oneOrList(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : list(names);
}

function list(names: readonly string[]): string {
  return `[${names.join(", ")}]`;
}
