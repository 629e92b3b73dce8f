/**
 * What of a forward an architecture's layers cover, by walks of an engine that found them.
 *
 * @module
 */
import type { Walk } from "../harness/walk.ts";
import { kindName, type LayerKind } from "../model/kinds.ts";
import { callTree } from "./units.ts";

/** Kernels that no layer covers. */
export interface Uncovered {
  /** The module that launched them, as `<class> <path>`. */
  readonly module: string;
  /** Their share of the forward's kernels, from 0 to 1. */
  readonly share: number;
  /** Names of the kernels. */
  readonly kernels: readonly string[];
}

/** The coverage of one batch. */
export interface WalkCoverage {
  /** The batch's name. */
  readonly batch: string;
  /** Share of the forward's kernels that no layer covers, from 0 to 1. */
  readonly uncovered: number;
  /** Which modules launched them, the largest share first. */
  readonly modules: readonly Uncovered[];
  /** Microseconds of the full model's kernels, as the few layers that were walked make them up. */
  readonly totalUs: number;
  /** Microseconds of kernels before and behind the model, which no layer is asked to cover. */
  readonly outsideUs: number;
}

/**
 * The coverage of each batch of a walk. Kernels belong to the layer of the innermost module around them that is one.
 * A decoder layer counts as often as the full model has its kind.
 *
 * @param walk The walk, of an engine that was booted with the architecture.
 * @param kinds Kinds of the engine's decoder layers.
 * @param model Kinds of the full model's.
 * @returns One coverage a batch.
 */
export function coverageOf(
  walk: Walk,
  kinds: readonly LayerKind[],
  model: readonly LayerKind[],
): WalkCoverage[] {
  return Object.keys(walk.batches).map((batch) => {
    const { nodes, decoder } = callTree(walk, batch);
    const weights = timesInModel(kinds, model);
    const covered: boolean[] = [];
    const open = new Map<string, { us: number; kernels: Set<string> }>();
    let totalUs = 0;
    let openUs = 0;
    nodes.forEach(({ class: name, path, parent, layer, kernels }, at) => {
      covered.push(layer !== null || (parent !== null && covered[parent]!));
      const own = decoder[at]!;
      const times = own === null ? 1 : weights[own]!;
      const usOf = (some: typeof kernels): number => times * some.reduce((sum, [, us]) => sum + us, 0);
      if (parent === null) return;
      totalUs += usOf(kernels);
      const bare = covered[at] ? [] : kernels.filter(([, , layer]) => layer === undefined);
      const us = usOf(bare);
      if (us === 0) return;
      openUs += us;
      const module = `${name} ${path || "(the model)"}`;
      const known = open.get(module) ?? { us: 0, kernels: new Set() };
      open.set(module, { us: known.us + us, kernels: known.kernels });
      for (const [kernel] of bare) known.kernels.add(kernel);
    });
    const modules = [...open].map(([module, { us, kernels }]) => ({
      module,
      share: us / totalUs,
      kernels: [...kernels],
    }))
      .sort((a, b) => b.share - a.share);
    const outsideUs = nodes[0]!.kernels.reduce((sum, [, us]) => sum + us, 0);
    return { batch, uncovered: totalUs === 0 ? 0 : openUs / totalUs, modules, totalUs, outsideUs };
  });
}

/**
 * How often the full model has what each of a few decoder layers stands for.
 *
 * @param kinds Kinds of the engine's decoder layers.
 * @param model Kinds of the full model's.
 * @returns One number a decoder layer of the engine.
 */
export function timesInModel(kinds: readonly LayerKind[], model: readonly LayerKind[]): number[] {
  return kinds.map((kind) => {
    const name = kindName(kind);
    const ofKind = (of: readonly LayerKind[]): number => of.filter((each) => kindName(each) === name).length;
    return ofKind(model) / ofKind(kinds);
  });
}
