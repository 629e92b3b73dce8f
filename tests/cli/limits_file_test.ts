import assert from "node:assert/strict";
import { readLimits } from "../../src/cli/limits_file.ts";
import { UsageError } from "../../src/errors.ts";

const LIMITS = {
  max_num_batched_tokens: 2048,
  max_num_seqs: 256,
  num_cache_tokens: 41408,
  max_model_len: 4096,
};

Deno.test("readLimits: experts may be left out, and the block size", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, JSON.stringify({ ...LIMITS, device: "ignored" }));
  assert.deepEqual(await readLimits(path), { ...LIMITS, num_experts: null, top_k: null, block_size: 16 });
  const full = { ...LIMITS, num_experts: 128, top_k: 8, block_size: 32 };
  await Deno.writeTextFile(path, JSON.stringify(full));
  assert.deepEqual(await readLimits(path), full);
  await Deno.remove(path);
});

Deno.test("readLimits: a message names the file, the field and the rule", async () => {
  const path = await Deno.makeTempFile();
  const cases: readonly (readonly [string, string])[] = [
    ["[1]", `Cannot use the limits in ${path}: expected an object of limits`],
    [
      JSON.stringify({ ...LIMITS, max_num_seqs: 0 }),
      `Cannot use the limits in ${path}: max_num_seqs: expected an integer of at least 1`,
    ],
    [
      JSON.stringify({ ...LIMITS, max_model_len: undefined }),
      `Cannot use the limits in ${path}: max_model_len: expected an integer of at least 1`,
    ],
    ["{", `Cannot read the limits in ${path}: it is no JSON: `],
  ];
  for (const [text, message] of cases) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(
      readLimits(path),
      (error) => error instanceof UsageError && error.message.startsWith(message),
    );
  }
  await Deno.remove(path);
  await assert.rejects(readLimits(path), (error) => {
    assert(error instanceof UsageError);
    assert(error.message.startsWith(`Cannot read the limits in ${path}: No such file`), error.message);
    return true;
  });
});
