/**
 * The layers of each of a model's decoder layers.
 *
 * @module
 */
import { blocksOf, decoderBlock } from "./blocks.ts";
import { fewestLayers, namesLayers } from "./fewest_layers.ts";
import { kindName, type LayerKind, layerKinds } from "./kinds.ts";
import type { Architecture, Model } from "./model.ts";

/** An architecture with the layers of each decoder layer of an engine. */
export interface EngineArchitecture extends Architecture {
  /** Names by decoder layer, in the order in which they run; absent when the decoder layers are alike. */
  readonly layers?: readonly (readonly string[])[];
}

/**
 * The architecture by which an engine with a layer of each kind of a model finds its layers.
 *
 * @param model The model.
 * @returns The model's architecture, with the layers of each of the engine's decoder layers where they are not alike.
 * @throws {UsageError} when the architecture does not describe a kind that the model has.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { engineArchitecture } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { layers } = engineArchitecture(await loadModel("meta-llama/Llama-3.1-8B"));
 * assert.equal(layers, undefined); // all of its layers are alike
 * ```
 */
export function engineArchitecture(model: Pick<Model, "id" | "config" | "architecture">): EngineArchitecture {
  const architecture = ownArchitecture(model);
  if (!namesLayers(model.config)) return architecture;
  const { kinds } = fewestLayers(model);
  const layers = decoderLayers(architecture, kinds);
  return new Set(kinds.map(kindName)).size > 1 ? { ...architecture, layers } : architecture;
}

/**
 * The names of the layers that decoder layers consist of, in the order in which they run.
 *
 * @param architecture The architecture.
 * @param kinds The kinds of the decoder layers.
 * @returns A list of names for each.
 * @throws {UsageError} when the architecture does not describe a kind.
 */
export function decoderLayers(architecture: Architecture, kinds: readonly LayerKind[]): string[][] {
  return kinds.map((kind) => {
    const { pre_attn, post_attn, mlp } = decoderBlock(architecture, kind);
    return [...pre_attn, ...post_attn, ...mlp];
  });
}

/**
 * An architecture without the layers that only other models of its type have: those of kinds of decoder layers that
 * this one lacks, such as the experts of a hybrid that comes with and without them.
 *
 * @param model The model.
 * @returns Its architecture; the same where every layer is of a kind that it has.
 * @throws {UsageError} when the configuration does not say of which kinds its layers are.
 *
 * @example
 * ```ts
 * import { loadArchitecture, ownArchitecture } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const architecture = await loadArchitecture("qwen2_moe", "configs");
 * const config = { num_hidden_layers: 24, num_experts: 60, num_experts_per_tok: 4 };
 * const { catalog } = ownArchitecture({ id: "org/name", config, architecture });
 * assert.equal(catalog.dense.gate_up_proj, undefined); // all layers have experts
 * ```
 */
export function ownArchitecture(model: Pick<Model, "id" | "config" | "architecture">): Architecture {
  const { config, architecture } = model;
  const { sequence, catalog, mtp } = architecture;
  if (!namesLayers(config) || mtp !== undefined) return architecture;
  const kinds = [...new Map(layerKinds(model).map((kind) => [kindName(kind), kind])).values()];
  const { attn, sparse_attn, mlp } = blocksOf(architecture);
  const every = [...Object.values(attn), ...Object.values(sparse_attn)]
    .flatMap(({ pre_attn, post_attn }) => [...pre_attn, ...post_attn]).concat(mlp.dense, mlp.moe);
  const own = new Set([
    ...sequence["prologue"] ?? [],
    ...sequence["head"] ?? [],
    ...decoderLayers(architecture, kinds).flat(),
  ]);
  const others = new Set(every.filter((name) => !own.has(name)));
  if (others.size === 0) return architecture;
  return {
    ...architecture,
    sequence: Object.fromEntries(
      Object.entries(sequence).map(([stage, names]) => [stage, names.filter((name) => !others.has(name))]),
    ),
    catalog: Object.fromEntries(
      Object.entries(catalog).map(([group, layers]) => [
        group,
        Object.fromEntries(Object.entries(layers).filter(([name]) => !others.has(name))),
      ]),
    ) as Architecture["catalog"],
  };
}
