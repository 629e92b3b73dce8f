import { tinyArchitecture } from "./fakes.ts";

/** What boots an engine for the tiny sweeps. */
export const TINY_BOOT = {
  config: {},
  architecture: tinyArchitecture(),
  tp: 1,
  dtype: "auto",
  kv_cache_dtype: "auto",
  block_size: null,
  max_num_batched_tokens: 64,
  max_num_seqs: 16,
};
