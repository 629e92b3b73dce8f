/** A step model for tests: steps of 1,000 µs a decode and 10 µs a token of a prompt, without a bundle. */
import type { ServerSettings } from "../../src/serving/server.ts";
import type { StepModel } from "../../src/serving/step_model.ts";
import { NO_TERMS, type StepTerms } from "../../src/serving/step_terms.ts";

/** A server that a test need not think about. */
export const SERVER: ServerSettings = {
  maxNumBatchedTokens: 100,
  maxNumSeqs: 4,
  blockSize: 10,
  numBlocks: 101,
  asyncScheduling: false,
};

/**
 * Makes the model.
 *
 * @param terms What differs from none.
 * @returns The model; the host's time of `graph` stands for all steps.
 */
export function madeUpModel(terms: Partial<StepTerms> = {}): StepModel {
  const all = { ...NO_TERMS, ...terms };
  return {
    basis: "rows",
    terms: all,
    clockFrom: "nothing",
    learnedFrom: [],
    heldOut: [],
    notices: [],
    engine: null,
    model: null as never,
    tp: 1,
    stepUs: () => NaN,
    work: ({ prefills, decodes }) => ({
      rowsUs: 10 * prefills.reduce((sum, { chunk }) => sum + chunk, 0) + (decodes.length > 0 ? 1000 : 0),
      gapUs: all.gapUs,
      hostUs: all.hostUs.graph,
      prepareUs: prefills.length === 0 ? all.hostUs.graph : 0,
      computeBound: prefills.length > 0,
    }),
  };
}
