/**
 * The time of a whole iteration: an architecture's sequence, walked over all layers of a model.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { moeParameters } from "../model/config.ts";
import { type LayerKind, layerKinds } from "../model/kinds.ts";
import type { LayerGroup, Model } from "../model/model.ts";
import { type Batch, emptyFacts, gatherFacts } from "./batch.ts";
import { LookupError } from "./lookup_error.ts";
import type { Predictor } from "./predictor.ts";

/** The iteration to estimate. */
export interface IterationQuery extends Batch {
  /** The model: its sequence, its number of layers, its experts. */
  readonly model: Model;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /**
   * Experts of a block that receive tokens.
   * @default {what independent, uniform routing gives on average: E * (1 - (1 - k / E) ** tokens)}
   */
  readonly activatedExperts?: number;
}

/** What one layer of the sequence adds. */
export interface LayerContribution {
  /** Stage of the sequence: prologue, pre_attn, post_attn, mlp_dense, mlp_moe or head. */
  readonly stage: string;
  /** The layer's name. */
  readonly layer: string;
  /** How often it runs. */
  readonly times: number;
  /** Time of one run in nanoseconds. */
  readonly ns: number;
  /** Time of all runs in nanoseconds. */
  readonly totalNs: number;
}

/** The estimate of an iteration. */
export interface IterationEstimate {
  /** Sum of the contributions in nanoseconds. */
  readonly totalNs: number;
  /** New tokens of all requests. */
  readonly tokens: number;
  /** Requests. */
  readonly sequences: number;
  /** The layers in the order of the sequence. */
  readonly contributions: readonly LayerContribution[];
  /** Layers of the sequence that the bundle does not hold; they add nothing. */
  readonly skipped: readonly string[];
  /** What the total leaves out: communication between devices, and all that is not a layer. */
  readonly excludes: readonly ["communication", "scheduling"];
}

/**
 * Estimates the time of an iteration: prologue and head once, the blocks once for each hidden layer.
 *
 * Communication between devices is not included. A layer that the bundle does not hold is skipped, as a simulator
 * does, and named in the result.
 *
 * @param predictor Predictor of the bundle.
 * @param query The model and the batch.
 * @returns The total and what each layer adds, in nanoseconds.
 * @throws {RangeError} when the batch has no request.
 * @throws {UsageError} when the model's configuration does not say how many layers it has.
 * @throws {LookupError} when the bundle holds no attention times at this degree.
 */
export function predictIteration(predictor: Predictor, query: IterationQuery): IterationEstimate {
  const { model, tp } = query;
  const facts = emptyFacts();
  gatherFacts(facts, query);
  const tokens = facts.pc + facts.n;
  const sequences = facts.prefills + facts.n;
  if (sequences === 0) throw new RangeError("Cannot estimate an iteration: the batch has no request");
  const runs = stageRuns(model);
  const skipped: string[] = [];

  function layerNs(layer: string): number {
    switch (groupOf(model, layer)) {
      case "dense":
        return predictor.dense(tp, layer, tokens);
      case "per_sequence":
        return predictor.perSequence(tp, layer, sequences);
      case "attention":
        return predictor.batch(tp, query);
      case "moe":
        return predictor.moe({
          tokens,
          activatedExperts: query.activatedExperts ?? expectedExperts(model, tokens),
        });
    }
  }

  function contribution(stage: string, layer: string, times: number): LayerContribution[] {
    try {
      const ns = layerNs(layer);
      return [{ stage, layer, times, ns, totalNs: ns * times }];
    } catch (error) {
      if (!(error instanceof LookupError) || error.details.layer === undefined) throw error;
      if (!skipped.includes(layer)) skipped.push(layer);
      return [];
    }
  }

  const contributions = Object.entries(runs).flatMap(([stage, times]) =>
    (model.architecture.sequence[stage] ?? [])
      .filter((layer) => times > 0 && !(layer === "rotary_emb" && predictor.hardware.includes("TPU")))
      .flatMap((layer) => contribution(stage, layer, times))
  );
  return {
    totalNs: contributions.reduce((sum, { totalNs }) => sum + totalNs, 0),
    tokens,
    sequences,
    contributions,
    skipped,
    excludes: ["communication", "scheduling"],
  };
}

/** How often each stage runs, in the order of the sequence. */
function stageRuns(model: Model): Record<string, number> {
  const kinds = layerKinds(model);
  const withMlp = (mlp: LayerKind["mlp"]): number => kinds.filter((kind) => kind.mlp === mlp).length;
  const { mlp_dense: dense = [], mlp_moe: experts = [] } = model.architecture.sequence;
  if (withMlp("dense") > 0 && dense.length === 0 && experts.length > 0) {
    const { id, config, architecture: { modelType } } = model;
    throw new UsageError(
      moeParameters(config) === null
        ? `Cannot walk ${id}: its configuration names no number of experts`
        : `Cannot walk ${id}: ${withMlp("dense")} of its layers have a dense MLP, and the architecture of ` +
          `${modelType} describes none: add it under mlp_dense`,
    );
  }
  const attention = kinds.filter(({ attn }) => attn !== "none").length;
  return {
    prologue: 1,
    pre_attn: attention,
    post_attn: attention,
    mlp_dense: withMlp("dense"),
    mlp_moe: withMlp("moe"),
    head: 1,
  };
}

function groupOf({ architecture }: Model, layer: string): LayerGroup {
  const groups = Object.entries(architecture.catalog) as [LayerGroup, object][];
  const found = groups.find(([, layers]) => layer in layers);
  if (found === undefined) {
    throw new UsageError(`Cannot walk ${architecture.modelType}: the catalogue has no layer ${layer}`);
  }
  return found[0];
}

function expectedExperts({ id, config }: Model, tokens: number): number {
  const moe = moeParameters(config);
  if (moe === null) throw new UsageError(`Cannot walk ${id}: its configuration names no number of experts`);
  const { numExperts, topK } = moe;
  return Math.round(numExperts * (1 - (1 - topK / numExperts) ** tokens));
}
