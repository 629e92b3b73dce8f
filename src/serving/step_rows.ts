/**
 * What the rows of a bundle say of a step, fast enough for millions of steps.
 *
 * @module
 */
import type { Model } from "../model/model.ts";
import { type Batch, emptyFacts, gatherFacts } from "../predict/batch.ts";
import { type LayerContribution, predictIteration } from "../predict/iteration.ts";
import type { Predictor } from "../predict/predictor.ts";

/** The layers of a step. */
export interface StepRows {
  /**
   * The sum of a batch's layers in nanoseconds: what `predictIteration` gives. A graph runs the layers that depend on
   * the number of tokens alone for as many as it was captured for: `paddedTokens`.
   */
  ns(batch: Batch, paddedTokens?: number): number;
  /** Whether a step of so many new tokens takes twice the time of one token or more in its GEMMs. */
  computeBound(tokens: number): boolean;
  /** Layers of the sequence that the bundle does not hold. */
  readonly skipped: readonly string[];
}

/**
 * Arranges the layers of a model for steps: those whose time depends on the number of tokens or of requests alone are
 * added up once for each number.
 *
 * @param predictor Predictor of the bundle.
 * @param model The model.
 * @param tp Tensor-parallel degree.
 * @returns The layers.
 * @throws {LookupError} when the bundle holds no attention times at this degree.
 */
export function stepRows(predictor: Predictor, model: Model, tp: number): StepRows {
  const byTokens = new Map<number, number>();
  const bySequences = new Map<number, number>();
  const facts = emptyFacts();
  const { catalog } = model.architecture;
  const isPerSequence = ({ layer }: LayerContribution): boolean => layer in catalog.per_sequence;
  const isPerToken = ({ layer }: LayerContribution): boolean =>
    layer in catalog.dense || layer in catalog.moe;
  const isPerBatch = (layer: LayerContribution): boolean => !isPerSequence(layer) && !isPerToken(layer);
  const probe = {
    prefills: [{ chunk: 17, history: 300 }],
    decodes: [{ kv: 500, count: 3 }, { kv: 90, count: 2 }],
  };
  const one = predictIteration(predictor, { model, tp, ...probe });
  const attention = one.contributions.filter(isPerBatch);
  /** With one kind of attention a plain lookup is all that a step asks for. */
  const plain = attention.length === 1 && attention[0]!.ns === predictor.batch(tp, probe);
  const runs = plain ? attention[0]!.times : null;

  function memo(known: Map<number, number>, size: number, of: () => number): number {
    let ns = known.get(size);
    if (ns === undefined) known.set(size, ns = of());
    return ns;
  }

  const tokensNs = (tokens: number): number =>
    memo(byTokens, tokens, () => {
      const batch = tokens === 1
        ? { prefills: [], decodes: [{ kv: 1, count: 1 }] }
        : { prefills: [{ chunk: tokens, history: 0 }], decodes: [] };
      return sum(predictIteration(predictor, { model, tp, ...batch }), isPerToken);
    });
  const sequencesNs = (count: number): number =>
    memo(bySequences, count, () => {
      const batch = { prefills: [], decodes: [{ kv: 1, count }] };
      return sum(predictIteration(predictor, { model, tp, ...batch }), isPerSequence);
    });

  return {
    skipped: one.skipped,
    computeBound: (tokens) => tokensNs(tokens) >= 2 * tokensNs(1),
    ns: (batch, paddedTokens = 0) => {
      gatherFacts(facts, batch);
      const attentionNs = runs === null
        ? sum(predictIteration(predictor, { model, tp, ...batch }), isPerBatch)
        : runs * predictor.batch(tp, batch);
      return tokensNs(Math.max(paddedTokens, facts.pc + facts.n)) + sequencesNs(facts.prefills + facts.n) +
        attentionNs;
    },
  };
}

function sum(
  { contributions }: { readonly contributions: readonly LayerContribution[] },
  counts: (layer: LayerContribution) => boolean,
): number {
  return contributions.reduce((total, layer) => counts(layer) ? total + layer.totalNs : total, 0);
}
