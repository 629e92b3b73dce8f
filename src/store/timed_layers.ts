/**
 * Which layers a shot is to time, and in which rows their times go.
 *
 * @module
 */
import { layersOf } from "../model/layers.ts";
import type { Architecture } from "../model/model.ts";
import { CATEGORIES, type Category } from "../shots/shot.ts";

/** Of several attention kernels the one that rows without a layer are of. */
const WHOLE_HISTORY = "attention";

/** A layer that a shot times. */
export interface TimedLayer {
  /** Its name in the architecture, and among the samples. */
  readonly name: string;
  /** Its name in rows, null where rows have none. */
  readonly layer: string | null;
}

/**
 * The layers that the shots of a sweep time.
 *
 * @param architecture The architecture.
 * @param category The sweep's category.
 * @param tp The sweep's tensor-parallel degree; layers that do not depend on it are timed at 1 only.
 * @returns The layers in the architecture's order.
 */
export function timedLayers(architecture: Architecture, category: Category, tp: number): TimedLayer[] {
  const kernels = namedKernels(architecture);
  return layersOf(architecture, category).filter(({ tpStable }) => tp === 1 || !tpStable)
    .map(({ name }) => ({ name, layer: rowLayer(category, name, kernels) }));
}

/**
 * The attention kernels whose rows name them: of several all but the one over a whole history.
 *
 * @param architecture The architecture.
 * @returns Their names; none when there is one kernel.
 */
export function namedKernels(architecture: Architecture): ReadonlySet<string> {
  const names = layersOf(architecture, "attention").map(({ name }) => name);
  return new Set(names.length === 1 ? [] : names.filter((name) => name !== WHOLE_HISTORY));
}

/**
 * What rows call a layer.
 *
 * @param category The category.
 * @param name The layer's name.
 * @param kernels The attention kernels whose rows name them.
 * @returns The name; null for the experts, and for the attention of rows without a layer.
 */
export function rowLayer(category: Category, name: string, kernels: ReadonlySet<string>): string | null {
  if (category === "attention") return kernels.has(name) ? name : null;
  return CATEGORIES[category].layered ? name : null;
}
