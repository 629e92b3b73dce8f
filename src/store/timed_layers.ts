/**
 * Which layers a shot is to time, and in which rows their times go.
 *
 * @module
 */
import { layersOf } from "../model/layers.ts";
import type { Architecture } from "../model/model.ts";
import { CATEGORIES, type Category } from "../shots/shot.ts";

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
  return layersOf(architecture, category)
    .filter(({ tpStable }) => tp === 1 || !tpStable)
    .map(({ name }) => ({ name, layer: CATEGORIES[category].layered ? name : null }));
}
