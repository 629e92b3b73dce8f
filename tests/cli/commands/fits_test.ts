import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

const LARGE = ["fits", "--model", "meta-llama/Llama-3.1-70B", "--hardware", "H100"];

Deno.test("fits says where a model fits, and what the memory goes to", async () => {
  const { status, out } = await runMain([...LARGE, "--tp-degrees", "1,4", "--max-model-len", "8192"]);
  assert.equal(status, 0);
  const [head, , columns, one, four] = out.split("\n");
  assert.equal(
    head,
    "meta-llama/Llama-3.1-70B, a request of 8,192 tokens, blocks of 16; estimated, a GPU each",
  );
  assert.match(
    columns!,
    /^hardware +tp +fits +usable +weights +activ +graphs +KV +blocks +tokens$/,
  );
  assert.match(one!, /^ *H100 +1 +no +71\.5 +131\.4 .* 0\.0 +0 +0$/);
  assert.match(four!, /^ *H100 +4 +yes +71\.5 +32\.9 +/);
});

Deno.test("fits ends with 1 when a model fits nowhere, and refuses unknown sheets and types", async () => {
  assert.equal((await runMain(LARGE)).status, 1);
  const table: [args: string[], message: RegExp][] = [
    [["--hardware", "H999"], /Cannot estimate for the hardware 'H999'/],
    [["--dtype", "int3"], /the size of the type int3 is not known; known are float32/],
    [["--tp-degrees", "1,x"], /Expected an integer of at least 1/],
    [["--gpu-memory-utilization", "2"], /memoryUtilization must be above 0 and at most 1, got 2/],
  ];
  for (const [args, message] of table) {
    const { status, err } = await runMain([...LARGE, ...args]);
    assert.equal(status, 2, err);
    assert.match(err, message);
  }
});
