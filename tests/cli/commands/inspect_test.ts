/** `shotlab inspect` with a worker that walks a made-up forward. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withBundle } from "../../bundle/with_bundle.ts";
import { type Outcome, runMain } from "../run_main.ts";

const WORKER = fileURLToPath(new URL("../../inspect/walking_worker.ts", import.meta.url));
const CONFIG = {
  ...{ model_type: "llama", num_hidden_layers: 8, hidden_size: 60, intermediate_size: 120 },
  ...{ num_attention_heads: 6, num_key_value_heads: 6, vocab_size: 240, torch_dtype: "bfloat16" },
};
const FILES = {
  "configs/model/o/x.json": JSON.stringify(CONFIG),
  "configs/architecture/llama.yaml": await Deno.readTextFile("configs/architecture/llama.yaml"),
};

async function inspect(ownUs: number, ...flags: string[]): Promise<Outcome & { written: string | null }> {
  let outcome: Outcome & { written: string | null } | undefined;
  await withBundle(FILES, async (dir) => {
    const harness = `cmd:${Deno.execPath()} run --no-check -A ${WORKER} ${ownUs}`;
    const words = flags.map((word) => word.replace("@", dir));
    const done = await runMain([
      ...["inspect", "--model", "o/x", "--config-dir", `${dir}/configs`, "--harness", harness],
      ...words,
    ]);
    const written = await Deno.readTextFile(`${dir}/drafted.yaml`).catch(() => null);
    outcome = { ...done, written };
  });
  return outcome!;
}

const WALKING = "walking o/x with the layers of llama\n";
const table = (covered: string, most: string, modelUs: number): string => {
  const width = Math.max(17, most.length);
  const line = (batch: string, covered: string, most: string, modelUs: string, around: string): string =>
    `${batch.padEnd(7)}${covered.padStart(9)}  ${most}${modelUs.padStart(11)}${around.padStart(15)}\n`;
  const head = line("batch", "covered", "not covered, most".padEnd(width), "model, µs", "around it, µs");
  const cell = most.padStart(width);
  return head +
    ["prefill", "decode", "mixed"].map((batch) => line(batch, covered, cell, `${modelUs}`, "1")).join("");
};

Deno.test("shotlab inspect: drafts what it walked, and says how much of it that covers", async () => {
  const printed = await inspect(0);
  assert.deepEqual([printed.status, printed.written], [0, null]);
  assert.equal(
    printed.err,
    `booting 1 layer of o/x: 1 full_attention/dense\nbooting tp 2\n${WALKING}${table("100%", "-", 60)}`,
  );
  assert.match(printed.out, /^# Drafted from o\/x, fake 1\.0 on Abacus: [^]*\n {2}moe: \{\}\n$/);
  const written = await inspect(0, "--out", "@/drafted.yaml", "--silent");
  assert.deepEqual(written, { status: 0, out: "", err: "", written: printed.out });
});

Deno.test("shotlab inspect --coverage: what the model's own file covers, and of what it lacks the most", async () => {
  const covered = await inspect(0.05, "--coverage");
  const most = "LlamaAttention model.layers.0.self_attn 0.7%";
  assert.deepEqual(covered, { status: 0, out: table("99%", most, 60), err: WALKING, written: null });
  const loud = await inspect(0.05, "--coverage", "--verbose");
  assert.deepEqual(loud, { ...covered, err: `at work\n${WALKING}` });
  assert.deepEqual(await inspect(0.05, "--coverage", "--silent"), { ...covered, err: "" });
});

Deno.test("shotlab inspect --coverage: too little of it ends with 1", async () => {
  const { status, out, err } = await inspect(5, "--coverage", "--silent");
  assert.deepEqual([status, out], [1, ""]);
  assert.match(
    err,
    /^error: Cannot use the layers of llama for o\/x: of a prefill 40% of the kernels belong /,
  );
});
