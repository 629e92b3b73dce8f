/**
 * The layers of each of a model's decoder layers.
 *
 * @module
 */
import { decoderBlock } from "./blocks.ts";
import { fewestLayers, namesLayers } from "./fewest_layers.ts";
import { kindName, type LayerKind } from "./kinds.ts";
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
 */
export function engineArchitecture(model: Pick<Model, "id" | "config" | "architecture">): EngineArchitecture {
  const { architecture } = model;
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
