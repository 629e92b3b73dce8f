/** Process harnesses whose worker has a fault, and what is asked of them. */
import { fileURLToPath } from "node:url";
import type { BootRequest, FireRequest, Harness, ShotOutcome } from "../../src/harness/harness.ts";
import { type ProcessOptions, startProcessHarness } from "../../src/harness/process.ts";

const worker = fileURLToPath(new URL("fakes/worker.ts", import.meta.url));
export const argv = (fault: string): string[] => [Deno.execPath(), "run", "--no-check", "-A", worker, fault];
export const start = (fault: string, options: ProcessOptions = {}): Promise<Harness> =>
  startProcessHarness(argv(fault), { name: "fake", ...options });

export const bootRequest: BootRequest = {
  config: {},
  architecture: {
    modelType: "toy",
    sequence: { pre_attn: ["attention"] },
    catalog: { dense: { embedding: { vllm: ["E"] } }, per_sequence: {}, attention: {}, moe: {} },
    sha256: "00",
  },
  tp: 1,
  dtype: "auto",
  kv_cache_dtype: "auto",
  block_size: null,
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
};
export const fireRequest: FireRequest = {
  shots: [1, 2, 3].map((tokens) => ({ category: "dense", tp: 1, tokens })),
  iterations: 2,
  quantity: "wall",
};
export const measured = (index: number): ShotOutcome => ({
  status: "measured",
  index,
  samples: { embedding: [1.5, 1.5] },
});

/** Starts, boots and fires; returns the outcomes and the error that ended it. */
export async function run(
  fault: string,
  options: ProcessOptions & { call?: AbortSignal } = {},
): Promise<{ outcomes: ShotOutcome[]; error: unknown }> {
  const outcomes: ShotOutcome[] = [];
  try {
    await using harness = await start(fault, options);
    const call = options.call === undefined ? {} : { signal: options.call };
    await harness.boot(bootRequest, call);
    for await (const outcome of harness.fire(fireRequest, call)) outcomes.push(outcome);
  } catch (error) {
    return { outcomes, error };
  }
  return { outcomes, error: undefined };
}

export const test = (name: string, fn: () => Promise<void>): void =>
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
