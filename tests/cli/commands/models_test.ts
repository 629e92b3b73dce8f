import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

Deno.test("shotlab models: lists what has a configuration, its layers and where it was measured", async () => {
  const { status, out } = await runMain(["models"], { COLUMNS: "160" });
  assert.equal(status, 0);
  assert.match(
    out,
    /google\/gemma-3-27b-it +gemma3_text +27 +52\ssliding\/dense, 10\sfull\/dense +H200\/bf16\n/,
  );
  assert.match(out, /meta-llama\/Llama-3\.1-8B +llama +8\.0 +32\sfull\/dense +H100\/bf16\b.*\n/);
  assert.match(
    out,
    /openai\/gpt-oss-20b \(mxfp4\) +gpt_oss +21 \(3\.6\) +12\ssliding\/moe, 12\sfull\/moe +H200\/mxfp4\n/,
  );
  const models = JSON.parse((await runMain(["models", "--json"])).out);
  assert.deepEqual(models.find(({ model }: { model: string }) => model === "Qwen/Qwen3-32B").kinds, [
    { kind: "full_attention/dense", layers: 64 },
  ]);
});

Deno.test("shotlab inspect: a harness that cannot walk is wrong use", async () => {
  const { status, err } = await runMain([
    "inspect",
    "--model",
    "meta-llama/Llama-3.1-8B",
    "--harness",
    "roofline:H100",
  ]);
  assert.equal(status, 2);
  assert.match(err, /Cannot inspect with the harness 'roofline': it cannot walk; use vllm\n/);
});
