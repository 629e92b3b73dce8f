/**
 * A predictor's sums against real forwards: how far apart, and where it comes from.
 *
 * @module
 */
import { textConfig } from "../../../src/model/config.ts";
import type { Model } from "../../../src/model/model.ts";
import { batchOf } from "../../../src/predict/batch.ts";
import { predictIteration } from "../../../src/predict/iteration.ts";
import type { Predictor } from "../../../src/predict/predictor.ts";
import { ELSEWHERE, type Forward, type TruthBatch } from "./truth_file.ts";

/** Microseconds that were predicted and measured. */
export interface Pair {
  /** From the bundle. */
  readonly predicted: number;
  /** Of the forward. */
  readonly measured: number;
}

/** What became of a batch. */
export interface Judged {
  /** The batch. */
  readonly batch: TruthBatch;
  /** One decoder layer: half of what the two more layers take. */
  readonly perLayer: Pair;
  /** The whole forward through the more layers. */
  readonly whole: Pair;
  /** One decoder layer from event to event, null where there are none. */
  readonly perLayerEventUs: number | null;
  /** What each layer of the catalogue adds to a decoder layer, and what is done elsewhere. */
  readonly layers: ReadonlyMap<string, Pair>;
  /** Where the alpha of its attention comes from; null where none is needed. */
  readonly alphaSource: string | null;
}

/**
 * Predicts a batch and puts the forwards beside it.
 *
 * @param predictor Predictor of the bundle.
 * @param model The bundle's model.
 * @param batch The batch.
 * @returns Both, by layer.
 */
export function judge(predictor: Predictor, model: Model, batch: TruthBatch): Judged {
  const { few, many, requests, activatedExperts } = batch;
  const query = {
    ...batchOf(requests.map(([tokens, history]) => ({ tokens, history }))),
    tp: 1,
    ...activatedExperts !== null && { activatedExperts },
  };
  const predict = ({ layers }: Forward): Map<string, number> => {
    const { contributions } = predictIteration(predictor, { ...query, model: withLayers(model, layers) });
    const byLayer = new Map<string, number>();
    for (const { layer, totalNs } of contributions) {
      byLayer.set(layer, (byLayer.get(layer) ?? 0) + totalNs / 1000);
    }
    return byLayer;
  };
  const [less, more] = [predict(few), predict(many)];
  const each = (a: number, b: number): number => (b - a) / (many.layers - few.layers);
  const names = new Set([...more.keys(), ...Object.keys(many.layersUs)]);
  const layers = new Map([...names].map((name) => [name, {
    predicted: each(less.get(name) ?? 0, more.get(name) ?? 0),
    measured: each(few.layersUs[name] ?? 0, many.layersUs[name] ?? 0),
  }]));
  const [lessUs, moreUs] = [sum(less.values()), sum(more.values())];
  return {
    batch,
    perLayer: { predicted: each(lessUs, moreUs), measured: each(few.totalUs, many.totalUs) },
    whole: { predicted: moreUs, measured: many.totalUs },
    perLayerEventUs: few.eventUs === null || many.eventUs === null ? null : each(few.eventUs, many.eventUs),
    layers,
    alphaSource: predictor.explainBatch(1, query).alphaSource,
  };
}

/**
 * The relative difference of a pair.
 *
 * @param pair What was predicted and measured.
 * @returns The signed share by which the prediction is off.
 */
export function difference({ predicted, measured }: Pair): number {
  return predicted / measured - 1;
}

/** What a layer has to do with the differences. */
export interface LayerShare {
  /** Its name. */
  readonly layer: string;
  /** Its share of the measured time of a decoder layer, over all batches. */
  readonly share: number;
  /** What it adds to the signed difference of that time: (predicted - measured) / time of the decoder layer. */
  readonly adds: number;
  /** Its own signed differences, batch by batch. */
  readonly differences: readonly number[];
}

/**
 * Puts the differences down to the layers.
 *
 * @param judged The batches.
 * @returns The layers that a decoder layer has, the one that takes longest first.
 */
export function layerShares(judged: readonly Judged[]): LayerShare[] {
  const totalUs = sum(judged.map(({ perLayer }) => perLayer.measured));
  const names = new Set(judged.flatMap(({ layers }) => [...layers.keys()]));
  return [...names].map((layer) => {
    const pairs = judged.map(({ layers }) => layers.get(layer) ?? { predicted: 0, measured: 0 });
    const measured = sum(pairs.map((pair) => pair.measured));
    const predicted = sum(pairs.map((pair) => pair.predicted));
    const differences = pairs.filter((pair) => pair.predicted > 0 && pair.measured > 0).map(difference);
    return { layer, share: measured / totalUs, adds: (predicted - measured) / totalUs, differences };
  }).filter(({ layer, differences }) => layer === ELSEWHERE || differences.length === judged.length)
    .sort((a, b) => b.share - a.share);
}

/**
 * The differences that would be left if the bundle had some layers as they were measured in the forwards.
 *
 * @param judged The batches.
 * @param isExact Says of a layer whether it is one of them.
 * @returns The signed differences of a decoder layer, batch by batch.
 */
export function differencesIf(judged: readonly Judged[], isExact: (layer: string) => boolean): number[] {
  return judged.map(({ perLayer: { predicted, measured }, layers }) => {
    const known = [...layers].filter(([layer]) => isExact(layer)).map(([, pair]) => pair);
    const repair = sum(known.map((pair) => pair.measured - pair.predicted));
    return difference({ predicted: predicted + repair, measured });
  });
}

/**
 * The kernels that decoder layers launch outside of the catalogue's layers.
 *
 * @param judged The batches.
 * @returns Their names, those in most batches first.
 */
export function uncovered(judged: readonly Judged[]): string[] {
  const counts = new Map<string, number>();
  for (const { batch: { few, many } } of judged) {
    for (const [name, times] of Object.entries(many.kernels[ELSEWHERE] ?? {})) {
      if (times > (few.kernels[ELSEWHERE]?.[name] ?? 0)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

function withLayers(model: Model, layers: number): Model {
  const text = { ...textConfig(model.config), num_hidden_layers: layers };
  return { ...model, config: text };
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}
