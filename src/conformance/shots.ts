/**
 * Shots that any engine should be able to fire.
 *
 * @module
 */
import type { Booted } from "../harness/harness.ts";
import type { Model } from "../model/model.ts";
import { layersOf } from "../model/layers.ts";
import type { Shot, SweepCategory } from "../shots/shot.ts";
import { skewCaseOf } from "../shots/skew_cases.ts";

/** Two small shots of a category and the names that their samples must have. */
export interface Sample {
  /** The shots. */
  readonly shots: readonly [Shot, Shot];
  /** Layers, or parts of a skew case. */
  readonly names: readonly string[];
}

/**
 * Small shots of a category.
 *
 * @param category The category.
 * @param model The model.
 * @param booted What its engine allows.
 * @returns The shots, null when the model has no layer of the category.
 */
export function sampleOf(category: SweepCategory, model: Model, { limits }: Booted): Sample | null {
  const names = category === "skew"
    ? ["t_mean", "t_max", "t_skew"]
    : layersOf(model.architecture, category).map(({ name }) => name);
  if (names.length === 0) return null;
  return { shots: SHOTS[category](limits.top_k ?? 1), names };
}

const SHOTS: Readonly<Record<SweepCategory, (topK: number) => [Shot, Shot]>> = {
  dense: () => [{ category: "dense", tp: 1, tokens: 1 }, { category: "dense", tp: 1, tokens: 48 }],
  per_sequence: () => [
    { category: "per_sequence", tp: 1, sequences: 1 },
    { category: "per_sequence", tp: 1, sequences: 4 },
  ],
  attention: () => [
    { category: "attention", tp: 1, prefill_chunk: 16, kv_prefill: 32, n_decode: 0, kv_decode: 0 },
    { category: "attention", tp: 1, prefill_chunk: 16, kv_prefill: 0, n_decode: 3, kv_decode: 48 },
  ],
  linear_attention: () => [
    { category: "linear_attention", tp: 1, prefill_tokens: 16, n_decode: 0 },
    { category: "linear_attention", tp: 1, prefill_tokens: 16, n_decode: 3 },
  ],
  moe: (topK) => [
    { category: "moe", tp: 1, tokens: 8, activated_experts: topK },
    { category: "moe", tp: 1, tokens: 16, activated_experts: 2 * topK },
  ],
  skew: () => [skewShot([4, 1, 0, 0, 32, 128]), skewShot([4, 1, 16, 32, 32, 128])],
};

function skewShot(key: readonly number[]): Shot {
  return { category: "skew", tp: 1, tier: 1, ...skewCaseOf(key), parts: ["t_mean", "t_max", "t_skew"] };
}
