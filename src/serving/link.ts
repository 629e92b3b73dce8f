/**
 * What the devices of a tensor-parallel server say to each other, estimated by a link's data sheet.
 *
 * @module
 */
import { textConfig } from "../model/config.ts";
import { layerKinds } from "../model/kinds.ts";
import type { Model } from "../model/model.ts";

/** A link between the devices of one server. */
export interface Link {
  /** Bandwidth of one direction in 10⁹ bytes a second. */
  readonly bandwidthGbS: number;
  /** What an all-reduce of a few bytes takes, in microseconds. */
  readonly latencyUs: number;
}

/**
 * The all-reduces of a step: one behind the attention and one behind the MLP of each decoder layer, and one behind the
 * embedding; a ring moves 2 · (tp - 1) / tp of the bytes. An estimate: measured collectives are below a data sheet.
 *
 * @param model The model.
 * @param tp Tensor-parallel degree.
 * @param link The link.
 * @returns The time of a step with so many new tokens, in microseconds.
 *
 * @example
 * ```ts
 * import { loadModel } from "../model/load_model.ts";
 * import { allReducesUs } from "./link.ts";
 * import assert from "node:assert/strict";
 * const us = allReducesUs(await loadModel("meta-llama/Llama-3.1-8B"), 2, { bandwidthGbS: 450, latencyUs: 5.7 });
 * assert.equal(us(1).toFixed(0), "372"); // 65 all-reduces of 8 KiB
 * ```
 */
export function allReducesUs(model: Model, tp: number, link: Link): (tokens: number) => number {
  const { hidden_size: hidden } = textConfig(model.config);
  const kinds = layerKinds(model);
  const reduces = 1 + kinds.filter(({ attn }) => attn !== "none").length +
    kinds.filter(({ mlp }) => mlp !== "none").length;
  const bytesPerToken = typeof hidden === "number" ? hidden * 2 : 0;
  const usPerByte = 2 * (tp - 1) / tp / (link.bandwidthGbS * 1000);
  return (tokens) => tp === 1 ? 0 : reduces * (link.latencyUs + tokens * bytesPerToken * usPerByte);
}
