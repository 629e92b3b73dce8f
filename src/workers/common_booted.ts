/**
 * What several engines allow together.
 *
 * @module
 */
import { HarnessError } from "../errors.ts";
import type { Booted } from "../harness/harness.ts";

/** An engine and what messages call it. */
export interface NamedBooted {
  /** Its name. */
  readonly name: string;
  /** What its boot told. */
  readonly booted: Booted;
}

/**
 * The engine that stands for several: what it allows, each of them allows.
 *
 * @param engines The engines.
 * @returns The first one's facts, with the least of each limit.
 * @throws {HarnessError} when they differ in KV blocks, experts or layers, so that one plan cannot serve them.
 */
export function commonBooted(engines: readonly [NamedBooted, ...NamedBooted[]]): Booted {
  const [first] = engines;
  for (const { name, booted } of engines) {
    for (const [what, of] of Object.entries(SHARED)) {
      const [here, there] = [of(first.booted), of(booted)];
      if (here !== there) {
        throw new HarnessError(
          `Cannot fire one plan on engines that differ: ${what} ${here} on ${first.name}, ${there} on ${name}; ` +
            `measure on one of them at a time`,
          { stage: "boot", kind: "unsupported" },
        );
      }
    }
  }
  const least = (of: (booted: Booted) => number): number =>
    Math.min(...engines.map(({ booted }) => of(booted)));
  return {
    ...first.booted,
    limits: {
      ...first.booted.limits,
      max_num_batched_tokens: least(({ limits }) => limits.max_num_batched_tokens),
      max_num_seqs: least(({ limits }) => limits.max_num_seqs),
      num_cache_tokens: least(({ limits }) => limits.num_cache_tokens),
      max_model_len: least(({ limits }) => limits.max_model_len),
    },
    num_gpu_blocks: least((booted) => booted.num_gpu_blocks),
  };
}

const SHARED: Readonly<Record<string, (booted: Booted) => string>> = {
  block_size: ({ limits }) => String(limits.block_size),
  num_experts: ({ limits }) => String(limits.num_experts),
  top_k: ({ limits }) => String(limits.top_k),
  layers: ({ layers }) => Object.keys(layers).sort().join(", "),
};
