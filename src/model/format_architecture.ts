/**
 * Architecture files in the form of either simulator.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { formatYaml } from "../files/yaml.ts";
import { blocksOf } from "./blocks.ts";
import type { Architecture, CatalogEntry } from "./model.ts";

/**
 * Writes an architecture with one `sequence`, as August reads it.
 *
 * @param architecture The architecture.
 * @returns The file's text.
 * @throws {UsageError} when it has kinds of layers that differ, or groups of layers that August does not know.
 */
export function formatSequence(architecture: Architecture): string {
  refuseKinds(architecture);
  return formatYaml({ sequence: architecture.sequence, catalog: catalogOf(architecture) });
}

/**
 * Writes an architecture with `blocks` by kind of decoder layer, and what they share, as v1.2 reads it.
 *
 * @param architecture The architecture.
 * @param modelTypes The `model_type`s that it is found by besides the file's name. @default none
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { loadArchitecture, parseArchitecture } from "./architecture.ts";
 * import { formatBlocks } from "./format_architecture.ts";
 * import assert from "node:assert/strict";
 * const qwen3 = await loadArchitecture("qwen3", "configs");
 * const newer = parseArchitecture(formatBlocks(qwen3), "qwen3.yaml");
 * assert.deepEqual(newer.sequence, qwen3.sequence);
 * assert.deepEqual(Object.keys(newer.blocks?.attn ?? {}), ["full_attention"]);
 * ```
 */
export function formatBlocks(architecture: Architecture, modelTypes: readonly string[] = []): string {
  const { sequence, mtp } = architecture;
  const { attn, sparse_attn, mlp } = blocksOf(architecture);
  return formatYaml({
    ...modelTypes.length > 0 && { model_types: modelTypes },
    blocks: { attn, ...Object.keys(sparse_attn).length > 0 && { sparse_attn }, mlp },
    shared: { prologue: sequence["prologue"] ?? [], head: sequence["head"] ?? [] },
    ...mtp && { mtp },
    catalog: catalogOf(architecture),
  });
}

function refuseKinds({ blocks, catalog, modelType }: Architecture): void {
  const kinds = Object.keys(blocks?.attn ?? {}).length + Object.keys(blocks?.sparse_attn ?? {}).length;
  const groups = (["linear_attention", "mtp"] as const).filter((group) =>
    Object.keys(catalog[group] ?? {}).length > 0
  );
  if (kinds <= 1 && groups.length === 0 && Object.keys(catalog.attention).length <= 1) return;
  throw new UsageError(
    `Cannot write architecture ${modelType} for August: it knows one kind of decoder layer, one attention kernel and ` +
      `the groups dense, per_sequence, attention and moe; export it for v1.2`,
  );
}

/** Alternatives as texts where there is one. */
function catalogOf({ catalog }: Architecture): Record<string, Record<string, object>> {
  return Object.fromEntries(
    Object.entries(catalog).map(([group, layers]) => [
      group,
      Object.fromEntries(Object.entries(layers).map(([name, entry]) => [name, entryOf(entry)])),
    ]),
  );
}

/** Kernels stand among the classes, as v1.2 has them. */
function entryOf(entry: CatalogEntry): object {
  const { vllm, within, not_within, kernels = [], ...flags } = entry;
  const short = (names: readonly string[]): string | readonly string[] =>
    names.length === 1 ? names[0]! : names;
  return {
    vllm: short([...vllm, ...kernels]),
    ...within && { within: short(within) },
    ...not_within && { not_within: short(not_within) },
    ...flags,
  };
}
