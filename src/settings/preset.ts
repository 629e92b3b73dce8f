/**
 * Presets: named sets of settings that anything said explicitly overrides.
 *
 * @module
 */
import type { Settings } from "./table.ts";

/** The name of a preset. */
export type Preset = "quick";

/** What the presets set. `quick` is a grid for a first look: minutes on a CPU, every category covered, coarse. */
export const PRESETS: Readonly<Record<Preset, Partial<Settings>>> = {
  quick: {
    tpDegrees: [1, 2],
    maxNumBatchedTokens: 256,
    maxNumSeqs: 16,
    attentionMaxKv: 1024,
    attentionChunkFactor: 4,
    attentionKvFactor: 4,
    measurementIterations: 3,
    skipSkew: true,
  },
};

/** The names of the presets. */
export const PRESET_NAMES = Object.keys(PRESETS) as readonly Preset[];
