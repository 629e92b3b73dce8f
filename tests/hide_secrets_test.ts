import assert from "node:assert/strict";
import { hideSecrets } from "../src/hide_secrets.ts";

Deno.test("hideSecrets hides values whose names or forms say that they are secret", () => {
  const cases: readonly [text: string, shown: string][] = [
    ["env HF_TOKEN=abc python3 worker.py", "env HF_TOKEN=*** python3 worker.py"],
    ["docker run -e API_KEY=k1 image", "docker run -e API_KEY=*** image"],
    ["worker --token t1 --api-key=k1 --verbose", "worker --token *** --api-key=*** --verbose"],
    ['["worker", "--password", "p w"]', '["worker", "--password", ***]'],
    ["Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"],
    ['{"access_token": "abc", "user": "me"}', '{"access_token": ***, "user": "me"}'],
    ["https://me:pass@host/path", "https://me:***@host/path"],
    ["GET /x?token=abc&page=2", "GET /x?token=***&page=2"],
    ["login hf_abcdefghij failed", "login *** failed"],
    ["AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=***"],
  ];
  for (const [text, shown] of cases) assert.equal(hideSecrets(text), shown);
});

Deno.test("hideSecrets leaves what is no secret", () => {
  for (
    const text of [
      "max_num_batched_tokens=2048 tokens: 16",
      "--max-num-batched-tokens 2048",
      "python3 worker.py --tokens 16",
      "ssh gpu1 python3 -u worker.py",
      "RuntimeError: CUDA out of memory",
      "layer 'token_embedding' has no module",
      "https://huggingface.co/Qwen/Qwen3-0.6B",
    ]
  ) assert.equal(hideSecrets(text), text);
});
