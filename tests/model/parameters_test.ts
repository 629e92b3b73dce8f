import assert from "node:assert/strict";
import { loadConfig } from "../../src/model/load_model.ts";
import { countParameters } from "../../src/model/parameters.ts";

/** Billions of parameters that the models' authors give, all and active. */
const PUBLISHED: Readonly<Record<string, readonly [total: number, active: number | null]>> = {
  "meta-llama/Llama-2-7b-hf": [6.74, null],
  "meta-llama/Meta-Llama-3-8B": [8.03, null],
  "meta-llama/Llama-3.1-8B": [8.03, null],
  "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic": [8.03, null],
  "meta-llama/Llama-3.3-70B-Instruct": [70.6, null],
  "meta-llama/Llama-4-Scout-17B-16E": [107.8, 17],
  "meta-llama/Llama-4-Maverick-17B-128E": [400, 17],
  "Qwen/Qwen2.5-7B-Instruct": [7.61, null],
  "Qwen/Qwen2.5-72B-Instruct": [72.7, null],
  "Qwen/Qwen3-0.6B": [0.6, null],
  "Qwen/Qwen3-32B": [32.8, null],
  "Qwen/Qwen3-30B-A3B-Instruct-2507": [30.5, 3.3],
  "Qwen/Qwen3-235B-A22B": [235, 22],
  "Qwen/Qwen3-Next-80B-A3B-Instruct": [80, 3.9],
  "mistralai/Mistral-7B-v0.1": [7.24, null],
  "mistralai/Mixtral-8x7B-v0.1": [46.7, 12.9],
  "google/gemma-2-9b": [9.24, null],
  "google/gemma-3-27b-it": [27.0, null],
  "microsoft/phi-4": [14.7, null],
  "allenai/OLMo-2-1124-7B": [7.3, null],
  "openai/gpt-oss-20b": [20.9, 3.6],
  "openai/gpt-oss-120b": [116.8, 5.1],
  "deepseek-ai/DeepSeek-V2-Lite": [15.7, 2.4],
  "deepseek-ai/DeepSeek-V3": [671, 37],
  "zai-org/GLM-4.5": [355, 32],
  "zai-org/GLM-4.5-Air": [106, 12],
  "ibm-granite/granite-3.3-8b-instruct": [8.17, null],
  "ibm-granite/granite-4.0-h-small": [32, 9],
  "tiiuae/Falcon-H1-7B-Instruct": [7.59, null],
  "nvidia/Nemotron-H-8B-Base-8K": [8.1, null],
  "MiniMaxAI/MiniMax-M2": [229, 10],
  "CohereForAI/c4ai-command-r-v01": [35, null],
  "CohereForAI/c4ai-command-r7b-12-2024": [8.03, null],
};

for (const [id, [total, active]] of Object.entries(PUBLISHED)) {
  Deno.test(`countParameters is near what the authors give: ${id}`, async () => {
    const count = countParameters(await loadConfig(id));
    assert.ok(Math.abs(count.total / 1e9 / total - 1) < 0.03, `${count.total / 1e9} for ${total}`);
    if (active === null) return;
    assert.ok(Math.abs(count.active / 1e9 / active - 1) < 0.15, `${count.active / 1e9} for ${active}`);
  });
}
