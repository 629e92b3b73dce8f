/** Events of a small run, for the tests of what shows them. */
import type { RunEvent } from "../../src/events.ts";

/** A run of one degree: two dense shots, one of them measured before, and three attention shots, one of them failing. */
export const EVENTS: readonly RunEvent[] = [
  {
    type: "connected",
    info: {
      harness: "vllm",
      harness_version: "0.1.0",
      engine: "vllm",
      engine_version: "0.32.0",
      device: "AMD EPYC 9R14",
      driver: "none",
      runtime: "torch 2.13.0+cpu",
      quantities: ["wall"],
      lanes: 1,
    },
  },
  { type: "booting", tp: 1 },
  {
    type: "booted",
    tp: 1,
    limits: {
      max_num_batched_tokens: 64,
      max_num_seqs: 4,
      num_cache_tokens: 4096,
      max_model_len: 1024,
      num_experts: null,
      top_k: null,
      block_size: 16,
    },
    layers: {},
    seconds: 8.2,
  },
  {
    type: "planned",
    tp: 1,
    sweeps: [{ category: "dense", planned: 2, done: 1 }, { category: "attention", planned: 3, done: 0 }],
  },
  { type: "sweep-started", category: "dense", tp: 1, planned: 2, done: 1 },
  { type: "shot", category: "dense", tp: 1, key: [16], timesUs: { qkv_proj: 10 } },
  { type: "sweep-finished", category: "dense", tp: 1, measured: 1, failed: 0, seconds: 1, deviceBusyS: null },
  { type: "sweep-started", category: "attention", tp: 1, planned: 3, done: 0 },
  { type: "shot", category: "attention", tp: 1, key: [16, 0, 0, 0], timesUs: { attention: 10 } },
  {
    type: "failed-shot",
    category: "attention",
    tp: 1,
    key: [16, 0, 1, 16],
    kind: "out_of_memory",
    message: "the pool is too small",
  },
  { type: "notice", message: "Rows of layer 'old' are kept, but the architecture no longer has it" },
  { type: "shot", category: "attention", tp: 1, key: [16, 0, 2, 16], timesUs: { attention: 10 } },
  {
    type: "sweep-finished",
    category: "attention",
    tp: 1,
    measured: 2,
    failed: 1,
    seconds: 3,
    deviceBusyS: null,
  },
  { type: "finished", dir: "perf/H100/a/b/bf16", measured: 3, failed: [], inDoubt: 0, seconds: 12 },
];

/** The failure among the events, as it is told. */
export const FAILURE =
  "Failed: attention tp 1 (prefill_chunk 16, kv_prefill 0, n_decode 1, kv_decode 16): the pool is too small (out_of_memory)";

/** The notice among the events, as it is told. */
export const NOTICE = "Note: Rows of layer 'old' are kept, but the architecture no longer has it";

/**
 * A clock that a second passes on at each look.
 *
 * @returns The time in milliseconds.
 */
export function tickingClock(): () => number {
  let ms = 0;
  return () => ms += 1000;
}
