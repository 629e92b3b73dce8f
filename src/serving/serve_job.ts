/**
 * What a whole engine is asked to serve, as `harness/vllm/served.py` reads it.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { formatJson, keepNumbers } from "../files/json.ts";
import { textConfig } from "../model/config.ts";
import type { Model, ModelConfig } from "../model/model.ts";
import { shardConfig } from "../model/shard.ts";
import { generateLoad } from "./generate_load.ts";
import type { Load } from "./load.ts";

/** Version of the job file and of the file of what was served. */
export const SERVED_FORMAT = 1;

/** Arguments of vLLM's engine; null leaves vLLM its default. */
export interface EngineArguments {
  /** Most new tokens of a step. */
  readonly max_num_batched_tokens: number;
  /** Most requests of a step. */
  readonly max_num_seqs: number;
  /** Longest request in tokens. */
  readonly max_model_len: number | null;
  /** Type of the weights. */
  readonly dtype: string;
  /** Type of the KV cache. */
  readonly kv_cache_dtype: string;
  /** Whether nothing is compiled and no graph captured. */
  readonly enforce_eager: boolean;
  /** Whether step i+1 is scheduled while step i runs. */
  readonly async_scheduling: boolean;
  /** Whether prompts may share blocks. */
  readonly enable_prefix_caching: boolean;
  /** Share of the device's memory that the engine may use. */
  readonly gpu_memory_utilization?: number;
  /** Devices that share every layer and exchange their results, as many as the degree; without it one holds its share. */
  readonly tensor_parallel_size?: number;
  /** Tokens of a KV block. */
  readonly block_size?: number;
  /** Memory of the KV cache in bytes, in place of what is free. */
  readonly kv_cache_memory_bytes?: number;
}

/** Designed batches: requests that decode, prompts beside them one by one, then a queue of prompts. */
export interface Scene {
  /** Its name, unlike those of the others. */
  readonly name: string;
  /** Requests that decode; none has the prompts prefilled alone. */
  readonly decodes: readonly { readonly count: number; readonly promptTokens: number }[];
  /** Steps of the decodes alone. */
  readonly steps: number;
  /** Prompts added one by one, in tokens. */
  readonly beside: readonly number[];
  /** Prompts added at once, in tokens. */
  readonly queue: readonly number[];
}

/** What is served, and where the results belong. */
export interface ServeJob {
  /** The model, at full depth. */
  readonly model: Model;
  /** Label of the hardware. */
  readonly hardware: string;
  /** Name of the bundle's last folder. */
  readonly variant: string;
  /** Tensor-parallel degree; above 1 one rank's share is served, unless the engine has as many devices. */
  readonly tp: number;
  /** The engine's arguments. */
  readonly engine: EngineArguments;
  /** Designed batches. */
  readonly scenes: readonly Scene[];
  /** Loads. */
  readonly loads: readonly Load[];
}

/**
 * Writes a job as JSON.
 *
 * @param job The job.
 * @returns The file's text.
 * @throws {UsageError} when requests of a load wait for others or share a prefix: made-up prompts have none.
 */
export function formatJob({ model, hardware, variant, tp, engine, scenes, loads }: ServeJob): string {
  for (const { name, requests } of loads) {
    const odd = requests.find(({ after, prefix }) => after !== undefined || prefix !== undefined);
    if (odd === undefined) continue;
    throw new UsageError(
      `Cannot serve the load ${name}: its requests must be independent, got one that ` +
        (odd.after === undefined ? "shares a prefix" : "waits for another") + "; simulate it instead",
    );
  }
  return formatJson({
    format: SERVED_FORMAT,
    model: model.id,
    hardware,
    variant,
    tp,
    config: engine.tensor_parallel_size === tp ? model.config : rankConfig(model.config, tp),
    engine,
    scenes: scenes.map((scene) => ({
      ...scene,
      decodes: scene.decodes.map(({ count, promptTokens }) => [count, promptTokens]),
    })),
    loads: loads.map(({ name, requests, concurrency }) => ({
      name,
      concurrency,
      requests: requests.map((one) => [one.arrivalS, one.inputTokens, one.outputTokens]),
    })),
  });
}

/** One rank's sizes in all layers. */
function rankConfig(config: ModelConfig, tp: number): ModelConfig {
  if (tp === 1) return config;
  const sharded = textConfig(shardConfig(config, tp));
  const text = textConfig(config);
  const sizes = Object.fromEntries(
    ["intermediate_size", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim"]
      .flatMap((field) => sharded[field] === undefined ? [] : [[field, sharded[field]]]),
  );
  const shared = keepNumbers({ ...text, ...sizes }, text);
  return text === config ? shared : keepNumbers({ ...config, text_config: shared }, config);
}

/**
 * Designed batches that show what a step costs beside its layers: decodes at captured and uncaptured sizes, prompts
 * below and above the largest captured size alone and with decodes, chunks with a history, and prompts in a queue.
 *
 * @param engine The engine's limits.
 * @returns The scenes; those that an engine cannot hold are left out when it has booted.
 *
 * @example
 * ```ts
 * import { designScenes } from "./serve_job.ts";
 * import assert from "node:assert/strict";
 * const scenes = designScenes({ max_num_batched_tokens: 2048, max_num_seqs: 256 });
 * assert.ok(scenes.some(({ queue }) => queue.length > 0));
 * ```
 */
export function designScenes(
  { max_num_batched_tokens: most, max_num_seqs: requests }: Pick<
    EngineArguments,
    "max_num_batched_tokens" | "max_num_seqs"
  >,
): Scene[] {
  const part = (share: number): number => Math.max(2, Math.round(most * share));
  const decodes = (count: number, promptTokens: number, beside: readonly number[] = []): Scene => ({
    name: `${plural(count, "decode")} at ${promptTokens}`,
    decodes: [{ count, promptTokens }],
    steps: 30,
    beside,
    queue: [],
  });
  const alone = [1 / 128, 1 / 32, 1 / 8, 1 / 4, 1 / 2, 1].map(part);
  return [
    decodes(1, part(1 / 4)),
    decodes(1, 4 * most),
    decodes(8, most, [part(1 / 32), part(1 / 8), part(1 / 4) - 12, part(1 / 2), part(0.95), 3 * most]),
    ...[[20, 1 / 2], [32, 1], [64, 1 / 2], [100, 1 / 4], [200, 1 / 4]].flatMap(([count, share]) =>
      count! < requests ? [decodes(count!, part(share!), count === 64 ? [part(1 / 8), part(0.9)] : [])] : []
    ),
    { name: "prompts alone", decodes: [], steps: 0, beside: [...alone, ...alone], queue: [] },
    { name: "prompts in a queue", decodes: [], steps: 0, beside: [], queue: Array(16).fill(most) },
    { name: "long prompts in a queue", decodes: [], steps: 0, beside: [], queue: Array(4).fill(4 * most) },
  ];
}

/**
 * Short made-up loads: chats at two rates, and long prompts.
 *
 * @param seconds How long requests arrive, in seconds.
 * @param maxTokens Longest prompt in tokens.
 * @param seed Seed of the draws.
 * @returns The loads `light`, `busy` and `long`.
 */
export function shortLoads(seconds: number, maxTokens: number, seed: number): Load[] {
  const of = (name: string, ratePerS: number, median: number, place: number): Load =>
    generateLoad({
      name,
      ratePerS,
      requests: Math.max(1, Math.round(ratePerS * seconds)),
      input: { median, sigma: 0.9, max: maxTokens },
      output: { median: 100, sigma: 0.7, max: 400 },
      seed: seed * 3 + place,
    });
  return [of("light", 4, 300, 0), of("busy", 12, 300, 1), of("long", 6, 1200, 2)];
}
