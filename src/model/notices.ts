/**
 * What a user should know about how a model is measured.
 *
 * @module
 */
import { expertConflict, moeParameters, textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";
import { replicatesKvHeads } from "./shard.ts";

/** What the notices depend on. */
export interface NoticeOptions {
  /** The tensor-parallel degrees that are measured. */
  readonly tpDegrees: readonly number[];
  /** How many devices share the experts, one after the other. @default {[1]} */
  readonly epDegrees?: readonly number[];
}

/**
 * What a model's configuration makes different from the plain case.
 *
 * @param config The model's configuration.
 * @param options What is measured.
 * @returns Sentences; none for a plain model.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { modelNotices } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { config } = await loadModel("meta-llama/Llama-3.1-8B");
 * assert.deepEqual(modelNotices(config, { tpDegrees: [1, 8] }), []);
 * assert.equal(modelNotices(config, { tpDegrees: [16] }).length, 1); // 8 KV heads
 * ```
 */
export function modelNotices(config: ModelConfig, { tpDegrees, epDegrees = [1] }: NoticeOptions): string[] {
  const notices: string[] = [];
  const replicated = tpDegrees.filter((tp) => replicatesKvHeads(config, tp));
  if (replicated.length > 0) {
    notices.push(
      `The model has ${textConfig(config).num_key_value_heads} KV heads: at tp ${replicated.join(", ")} ` +
        "each rank has a copy of one, as vLLM replicates them",
    );
  }
  const [used, ...others] = expertConflict(config);
  if (used !== undefined) {
    const named = others.map((field) => field.join(" "));
    notices.push(
      `The model's config names different numbers of experts: ${used.join(" ")} is taken, not ${
        named.join(", ")
      }; ` +
        "an engine may read the other, whose number its boot then tells",
    );
  }
  if (epDegrees.length > 1 && moeParameters(config) === null) {
    notices.push("The model has no experts that devices could share: --ep-degrees changes nothing");
  }
  if (config.auto_map) {
    notices.push(
      "The model's config names code of its own (auto_map): it is not run, the engine measures its own modules " +
        "for the model_type",
    );
  }
  return notices;
}
