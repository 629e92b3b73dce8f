/**
 * The layers that an architecture names.
 *
 * @module
 */
import type { Architecture, LayerGroup } from "./model.ts";

/** A layer of a category. */
export interface Layer {
  /** Name, as in the CSV files. */
  readonly name: string;
  /** Whether its time does not depend on the tensor-parallel degree. */
  readonly tpStable: boolean;
}

/**
 * The layers of a category.
 *
 * @param architecture The architecture.
 * @param category A group of its catalogue.
 * @returns The layers, in the order of the catalogue.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { layersOf } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { architecture } = await loadModel("meta-llama/Llama-3.1-8B");
 * assert.deepEqual(layersOf(architecture, "per_sequence").map(({ name }) => name), ["lm_head", "sampler"]);
 * ```
 */
export function layersOf(architecture: Pick<Architecture, "catalog">, category: LayerGroup): Layer[] {
  return Object.entries(architecture.catalog[category] ?? {})
    .map(([name, layer]) => ({ name, tpStable: layer.tp_stable ?? false }));
}

/**
 * The layers whose times do not depend on the tensor-parallel degree.
 *
 * @param architecture The architecture; without it there are none.
 * @param categories The groups of its catalogue that count, all of them by default.
 * @returns Their names.
 */
export function stableLayers(
  architecture: Pick<Architecture, "catalog"> | undefined,
  categories?: readonly LayerGroup[],
): Set<string> {
  if (architecture === undefined) return new Set();
  const groups = categories ?? Object.keys(architecture.catalog) as LayerGroup[];
  const layers = groups.flatMap((category) => layersOf(architecture, category));
  return new Set(layers.filter(({ tpStable }) => tpStable).map(({ name }) => name));
}
