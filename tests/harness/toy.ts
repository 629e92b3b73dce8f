/** A toy model, and a bundle of it, for the tests of harnesses. */
import type { BootRequest, Harness, ShotOutcome } from "../../src/harness/harness.ts";
import type { Architecture } from "../../src/model/model.ts";
import type { Shot } from "../../src/shots/shot.ts";

export const architecture: Architecture = {
  modelType: "toy",
  sequence: {},
  catalog: {
    dense: { o_proj: { vllm: ["O"] }, layernorm: { vllm: ["N"], tp_stable: true } },
    per_sequence: { lm_head: { vllm: ["L"] } },
    attention: { attn: { vllm: ["A"] } },
    moe: { experts: { vllm: ["M"] } },
  },
  sha256: "00",
};

export const bootRequest: BootRequest = {
  config: {
    torch_dtype: "bfloat16",
    hidden_size: 1024,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 128,
    vocab_size: 1000,
    moe_intermediate_size: 512,
    num_experts: 8,
    num_experts_per_tok: 2,
    max_position_embeddings: 4096,
  },
  architecture,
  tp: 1,
  dtype: "auto",
  kv_cache_dtype: "auto",
  block_size: null,
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
};

/** Writes files into a new folder, calls `use` with it and removes it. */
export async function withFolder(
  files: Readonly<Record<string, string>>,
  use: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(`${dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${dir}/${path}`, text);
    }
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Fires shots with three iterations of the harness's own quantity. */
export function fireAll(harness: Harness, shots: readonly Shot[]): Promise<ShotOutcome[]> {
  return Array.fromAsync(harness.fire({ shots, iterations: 3, quantity: harness.info.quantities[0]! }));
}
