/**
 * What a simulator makes of a batch: one attention lookup at the mean KV length, or a blend of two.
 *
 * @module
 */
import { type AlphaTable, bucketAlpha } from "./alpha.ts";
import { attentionNs, type AttentionTable } from "./attention.ts";
import { roundHalfEven } from "./nanoseconds.ts";

/** A request with several new tokens. */
export interface Prefill {
  /** New tokens; with a single one the request counts as a decode. */
  readonly chunk: number;
  /** Tokens computed before. */
  readonly history: number;
}

/** Equal requests of one new token each. */
export interface Decodes {
  /** History of each of them in tokens. */
  readonly kv: number;
  /** Requests, at least 1. */
  readonly count: number;
}

/** The requests that are computed together. */
export interface Batch {
  /** The prefills. */
  readonly prefills: readonly Prefill[];
  /** The decodes, in runs of equal ones. */
  readonly decodes: readonly Decodes[];
}

/** What the times of a batch depend on. */
export interface BatchFacts {
  /** New tokens of all prefills. */
  pc: number;
  /** History of all prefills in tokens. */
  kp: number;
  /** Prefills. */
  prefills: number;
  /** Decodes. */
  n: number;
  /** Mean KV length of the decodes in tokens, rounded down; 0 without decodes. */
  kvMean: number;
  /** Longest KV length of the decodes in tokens. */
  kvMax: number;
  /** Shortest history of the decodes in tokens. */
  kvMin: number;
  /** (mean - min) / (max - min) of the histories, from 0 to 1; 0 where all are equal. */
  skewRate: number;
}

/**
 * Makes a place for the facts of a batch; one serves any number of batches.
 *
 * @returns Facts of the empty batch.
 */
export function emptyFacts(): BatchFacts {
  return { pc: 0, kp: 0, prefills: 0, n: 0, kvMean: 0, kvMax: 0, kvMin: 0, skewRate: 0 };
}

/**
 * Sorts requests into prefills and decodes: a request with exactly one new token is a decode.
 *
 * @param requests New tokens and history in tokens of each request.
 * @returns The batch.
 *
 * @example
 * ```ts
 * import { batchOf } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * assert.deepEqual(batchOf([{ tokens: 512, history: 0 }, { tokens: 1, history: 900 }]), {
 *   prefills: [{ chunk: 512, history: 0 }],
 *   decodes: [{ kv: 900, count: 1 }],
 * });
 * ```
 */
export function batchOf(requests: readonly { readonly tokens: number; readonly history: number }[]): Batch {
  return {
    prefills: requests.filter(({ tokens }) => tokens !== 1)
      .map(({ tokens, history }) => ({ chunk: tokens, history })),
    decodes: requests.filter(({ tokens }) => tokens === 1).map(({ history }) => ({ kv: history, count: 1 })),
  };
}

/**
 * Gathers the facts of a batch.
 *
 * @param facts Takes the facts.
 * @param batch The batch.
 * @throws {RangeError} when a prefill has no new token or a run of decodes no request.
 */
export function gatherFacts(facts: BatchFacts, batch: Batch): void {
  const { prefills, decodes } = batch;
  facts.pc =
    facts.kp =
    facts.prefills =
    facts.n =
      0;
  facts.kvMax = -Infinity;
  facts.kvMin = Infinity;
  let sum = 0;
  for (let i = 0; i < prefills.length; i++) {
    const { chunk, history } = prefills[i]!;
    if (!(chunk >= 1)) throw new RangeError(`Cannot add a prefill: it has at least 1 new token: ${chunk}`);
    if (chunk === 1) {
      sum += addDecodes(facts, history, 1);
    } else {
      facts.pc += chunk;
      facts.kp += history;
      facts.prefills++;
    }
  }
  for (let i = 0; i < decodes.length; i++) sum += addDecodes(facts, decodes[i]!.kv, decodes[i]!.count);
  if (facts.n === 0) {
    facts.kvMean =
      facts.kvMax =
      facts.kvMin =
      facts.skewRate =
        0;
    return;
  }
  facts.kvMean = Math.floor(sum / facts.n);
  const range = facts.kvMax - facts.kvMin;
  // The mean is rounded down, which may take it below the shortest history.
  facts.skewRate = range === 0 ? 0 : Math.min(1, Math.max(0, (facts.kvMean - facts.kvMin) / range));
}

function addDecodes(facts: BatchFacts, kv: number, count: number): number {
  if (!(count >= 1)) throw new RangeError(`Cannot add decodes: a run has at least 1 request: ${count}`);
  facts.n += count;
  if (kv > facts.kvMax) facts.kvMax = kv;
  if (kv < facts.kvMin) facts.kvMin = kv;
  return kv * count;
}

/**
 * The attention time of a batch.
 *
 * @param attention The attention table.
 * @param alphas The alphas.
 * @param facts The batch's facts.
 * @returns Time in nanoseconds.
 */
export function batchNs(attention: AttentionTable, alphas: AlphaTable, facts: BatchFacts): number {
  const { pc, kp, n, kvMean, kvMax, skewRate } = facts;
  const mean = attentionNs(attention, pc, kp, n, kvMean);
  if (n <= 1 || kvMax === kvMean) return mean;
  const alpha = bucketAlpha(alphas, pc, n, skewRate, kvMax, kp) ?? alphas.fallback;
  if (alpha === 0) return mean;
  return blendNs(mean, attentionNs(attention, pc, kp, n, kvMax), alpha);
}

/** The time at the mean stands where that at the longest KV length is not above it. */
function blendNs(mean: number, max: number, alpha: number): number {
  return max <= mean ? mean : Math.max(1, roundHalfEven(mean + alpha * (max - mean)));
}
