/**
 * Shots and the categories they belong to.
 *
 * A shot's fields are named as the columns of its CSV file, in the plan, on the wire to a harness and here, so
 * that one name means one thing everywhere. Tokens and sequences are counts; KV lengths are tokens.
 *
 * @module
 */
import type { SkewCase } from "./skew_cases.ts";
import type { SkewPart } from "./skew_parts.ts";

/** The categories whose shots are summarised in one `time_us` per row. */
export type Category = "dense" | "per_sequence" | "attention" | "linear_attention" | "moe";

/** What can be swept: the categories, and the skew cases, which have three times. */
export type SweepCategory = Category | "skew";

/** One request of `tokens` new tokens: every token-wise layer. */
export interface DenseShot {
  /** What is measured. */
  readonly category: "dense";
  /** Tensor-parallel degree that the engine emulates. */
  readonly tp: number;
  /** New tokens of the one request. */
  readonly tokens: number;
}

/** `sequences` requests of one new token each: logits and sampler. */
export interface PerSequenceShot {
  /** What is measured. */
  readonly category: "per_sequence";
  /** Tensor-parallel degree that the engine emulates. */
  readonly tp: number;
  /** Requests of one new token. */
  readonly sequences: number;
}

/** One prefill request (when `prefill_chunk` > 0) beside `n_decode` decodes, prefill first. */
export interface AttentionShot {
  /** What is measured. */
  readonly category: "attention";
  /** Tensor-parallel degree that the engine emulates. */
  readonly tp: number;
  /** New tokens of the prefill request, 0 for none. */
  readonly prefill_chunk: number;
  /**
   * Tokens of the prefill request that are in the KV cache already; of a shot with `prefills` those that one request at
   * `prefill_key` would have, which may be below 0.
   */
  readonly kv_prefill: number;
  /** Decoding requests. */
  readonly n_decode: number;
  /** Tokens in the KV cache of each decoding request. */
  readonly kv_decode: number;
  /** New tokens and history of each prefill request, of a grid that places them; absent where they are one or none. */
  readonly prefills?: readonly (readonly [chunk: number, history: number])[];
  /** The mean place of the prefills' new tokens in tokens, beside `prefills`. */
  readonly prefill_key?: number;
  /** New tokens of each decoding request: drafts are checked beside the token that is due. @default {1} */
  readonly decode_q_len?: number;
}

/** One prefill request (when `prefill_tokens` > 0) beside `n_decode` decodes: every layer that keeps a recurrent state. */
export interface LinearAttentionShot {
  /** What is measured. */
  readonly category: "linear_attention";
  /** Tensor-parallel degree that the engine emulates. */
  readonly tp: number;
  /** New tokens of the prefill request, 0 for none; it has no history. */
  readonly prefill_tokens: number;
  /** Decoding requests, one new token each; how long their history is does not matter to a state. */
  readonly n_decode: number;
}

/** One request of `tokens` new tokens, routed so that `activated_experts` experts have work. */
export interface MoeShot {
  /** What is measured. */
  readonly category: "moe";
  /** Always 1: experts are measured unsharded. */
  readonly tp: number;
  /** New tokens of the one request. */
  readonly tokens: number;
  /** Experts that receive tokens. */
  readonly activated_experts: number;
  /** Devices that share the experts: the engine has those of one of them. @default {1} */
  readonly ep?: number | undefined;
}

/** Batches of a skew case. */
export interface SkewShot extends SkewCase {
  /** What is measured. */
  readonly category: "skew";
  /** Tensor-parallel degree that the engine emulates. */
  readonly tp: number;
  /** Which of the case's batches are to be fired; each gives the samples of one time. */
  readonly parts: readonly SkewPart[];
}

/** One batch to fire; in a skew sweep up to three that belong together. */
export type Shot = DenseShot | PerSequenceShot | AttentionShot | LinearAttentionShot | MoeShot | SkewShot;

/** What identifies the shots and rows of a category. */
export interface CategoryShape {
  /** The key's columns, in the order of the CSV file. */
  readonly columns: readonly string[];
  /** Whether rows carry a layer name before the key (several layers share a shot). */
  readonly layered: boolean;
  /** A further column, which August does not know; keys end with its value unless that is 1. */
  readonly split?: string;
}

/** The key of each category, and whether its rows name a layer. */
export const CATEGORIES: Readonly<Record<Category, CategoryShape>> = {
  dense: { columns: ["tokens"], layered: true },
  per_sequence: { columns: ["sequences"], layered: true },
  attention: {
    columns: ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"],
    layered: false,
    split: "decode_q_len",
  },
  linear_attention: { columns: ["prefill_tokens", "n_decode"], layered: true },
  moe: { columns: ["tokens", "activated_experts"], layered: false, split: "ep" },
};

/** The categories in the order in which they are measured. */
export const CATEGORY_ORDER: readonly Category[] = [
  "dense",
  "per_sequence",
  "attention",
  "linear_attention",
  "moe",
];

/** The columns that identify a skew case. */
export const SKEW_KEY = ["n", "nb", "pc", "kp", "kvs", "kv_big"] as const;

/**
 * The columns that identify a shot of a sweep.
 *
 * @param category What is swept.
 * @param key The shot's key, which has a further column where that is not 1.
 * @returns The columns in their order.
 */
export function keyColumns(category: SweepCategory, key: readonly number[]): readonly string[] {
  if (category === "skew") return SKEW_KEY;
  const { columns, split } = CATEGORIES[category];
  return split !== undefined && key.length > columns.length ? [...columns, split] : columns;
}

/**
 * The key of a shot: the values of its category's columns, in their order; of a skew case those of
 * {@linkcode SKEW_KEY}. Several new tokens a decode, and
 * several devices that share the experts, are a further value.
 *
 * @param shot The shot.
 * @returns The key's values.
 *
 * @example
 * ```ts
 * import { shotKey } from "shotlab/run";
 * import assert from "node:assert/strict";
 * assert.deepEqual(shotKey({ category: "moe", tp: 1, tokens: 64, activated_experts: 8 }), [64, 8]);
 * ```
 */
export function shotKey(shot: Shot): number[] {
  switch (shot.category) {
    case "dense":
      return [shot.tokens];
    case "per_sequence":
      return [shot.sequences];
    case "attention":
      return withSplit(
        [shot.prefill_chunk, shot.kv_prefill, shot.n_decode, shot.kv_decode],
        shot.decode_q_len,
      );
    case "linear_attention":
      return [shot.prefill_tokens, shot.n_decode];
    case "moe":
      return withSplit([shot.tokens, shot.activated_experts], shot.ep);
    case "skew":
      return SKEW_KEY.map((column) => shot[column]);
  }
}

function withSplit(key: number[], split = 1): number[] {
  return split === 1 ? key : [...key, split];
}
