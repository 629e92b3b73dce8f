import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

Deno.test("shotlab hardware: lists the sheets", async () => {
  const { status, out } = await runMain(["hardware"]);
  assert.equal(status, 0);
  assert.match(out, /^hardware +memory, GiB +TB\/s +bf16 TFLOP\/s +fp8 TFLOP\/s +cache, MiB$/m);
  assert.match(out, /^H100 +80 +3\.35 +989 +1,979 +50$/m);
  const sheets = JSON.parse((await runMain(["hardware", "--json"])).out);
  assert.equal(sheets.find(({ name }: { name: string }) => name === "H100").bandwidth_gb_s, 3350);
});

Deno.test("shotlab limits: what it writes is what plan reads", async () => {
  const dir = await Deno.makeTempDir();
  const model = ["--hardware", "H100", "--model", "meta-llama/Llama-3.1-8B", "--tp-degrees", "1"];
  const limits = await runMain(["limits", ...model, "--out", `${dir}/limits.json`]);
  assert.deepEqual(limits, {
    status: 0,
    out: `The limits are in ${dir}/limits.json, estimated from the data sheet of H100, for tp 1\n`,
    err: "",
  });
  const plan = ["--limits", `${dir}/limits.json`, "--out", `${dir}/plan.jsonl`];
  const planned = await runMain(["plan", ...model, ...plan, "--skip-skew"]);
  assert.match(planned.out, /^tp 1 attention: 9,699 shots$/m);
  const printed = await runMain(["limits", ...model, "--max-num-seqs", "16"]);
  assert.equal(JSON.parse(printed.out).max_num_seqs, 16);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("shotlab limits: a device without a sheet is refused by the list of those that have one", async () => {
  const { status, err } = await runMain(["limits", "--hardware", "NEW", "--model", "Qwen/Qwen3-0.6B"]);
  assert.equal(status, 2);
  assert.match(err, /^error: Cannot estimate for the hardware 'NEW': .*hardware has A100, .*H100/);
});
