/**
 * Which settings a journal records.
 *
 * @module
 */
import type { Settings } from "../settings.ts";

/**
 * The settings that shape the measurement; where it runs is the identity's to tell.
 *
 * @param settings All settings.
 * @returns What the line of a session records.
 */
export function recordedSettings(settings: Settings): Record<string, unknown> {
  return {
    ...settings.revision !== null && { revision: settings.revision },
    tpDegrees: settings.tpDegrees,
    maxNumBatchedTokens: settings.maxNumBatchedTokens,
    maxNumSeqs: settings.maxNumSeqs,
    attentionMaxKv: settings.attentionMaxKv,
    attentionChunkFactor: settings.attentionChunkFactor,
    attentionKvFactor: settings.attentionKvFactor,
    ...settings.skipSkew ? {} : {
      skewMode: settings.skewMode,
      skewNFactor: settings.skewNFactor,
      skewPcFactor: settings.skewPcFactor,
      skewKpFactor: settings.skewKpFactor,
      skewKvsFactor: settings.skewKvsFactor,
    },
    measurementIterations: settings.measurementIterations,
    ...settings.precision && { precision: settings.precision },
    parity: settings.parity,
    ...settings.adaptive && { adaptive: settings.adaptive },
    ...settings.budget !== null && { budget: settings.budget },
    ...settings.prior !== null && { prior: settings.prior },
    seed: settings.seed,
    sentinelS: settings.sentinelS,
  };
}
