import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

const LLAMA = "perf/H100/meta-llama/Llama-3.1-8B/bf16";

Deno.test("recommend says how many devices a load needs, at what price, and what that rests on", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { status, out } = await runMain([
      ...["recommend", LLAMA, "--tp-degrees", "1,2", "--requests", "100", "--rate", "60"],
      ...["--ttft-ms", "800", "--tpot-ms", "40", "--price", "H100=2.5", "--figure", `${dir}/plan.svg`],
    ]);
    assert.equal(status, 0);
    const [words, head, , columns, ...rows] = out.split("\n");
    assert.equal(
      words,
      "meta-llama/Llama-3.1-8B, TTFT 800 ms and TPOT 40 ms at p99, load generated of 100 requests",
    );
    assert.match(
      head!,
      /^\d+ GPUs?: H100, tp [12] serves [\d.]+ requests\/s a server, 60 are asked; [\d.]+ an hour\.$/,
    );
    assert.match(
      columns!,
      /candidate +req\/s +TTFT +TPOT +tok\/s\/GPU +GPUs +price\/M +front/,
    );
    assert.equal(rows.filter((row) => row.includes("H100, tp")).length, 2);
    assert.match(out, /steps without\s+host and gaps,\s+communication by\s+a data sheet/);
    assert.ok(out.split("\n").slice(2).every((line) => line.length <= 80), out);
    assert.match(await Deno.readTextFile(`${dir}/plan.svg`), /requests\/s within the targets/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("recommend works without a data sheet of the device, and says what it does not know", async () => {
  const configDir = await Deno.makeTempDir();
  try {
    const { status, out, err } = await runMain([
      ...["recommend", LLAMA, "--tp-degrees", "1,2", "--requests", "20", "--json", "--config-dir", configDir],
    ]);
    assert.equal(status, 2, "the model's files are in that folder too");
    assert.match(err, /meta-llama\/Llama-3\.1-8B/);
    assert.equal(out, "");
    for (const part of ["architecture", "model"]) {
      await Deno.symlink(await Deno.realPath(`configs/${part}`), `${configDir}/${part}`);
    }
    const found = await runMain([
      ...["recommend", LLAMA, "--tp-degrees", "1,2", "--requests", "20", "--json", "--config-dir", configDir],
    ]);
    assert.equal(found.status, 0, found.err);
    const rests = JSON.parse(found.out).map(({ estimates }: { estimates: string[] }) => estimates.at(-1));
    assert.deepEqual(rests, ["memory without a limit", "memory without a limit"]);
    assert.match(found.out, /no communication/);
  } finally {
    await Deno.remove(configDir, { recursive: true });
  }
});

Deno.test("recommend ends with 1 when no candidate serves, and refuses what it cannot compare", async () => {
  const mixtral = "perf/H100/mistralai/Mixtral-8x7B-v0.1/bf16";
  const none = await runMain(["recommend", mixtral, "--requests", "20", "--json"]);
  assert.equal(none.status, 1);
  assert.match(JSON.parse(none.out)[0].problem, /^does not fit: 87\.0 GiB of weights, 71\.5 usable/);
  const table: [args: string[], message: RegExp][] = [
    [[LLAMA, mixtral], /the bundles must be of one model, got meta-llama\/Llama-3\.1-8B, mistralai\/Mixtral/],
    [[LLAMA, "--price", "2.5"], /Expected a number above 0|Expected <hardware>=<price>/],
    [[LLAMA, "--percentile", "p42"], /Expected p50, p90 or p99/],
  ];
  for (const [args, message] of table) {
    const { status, err } = await runMain(["recommend", ...args]);
    assert.equal(status, 2, err);
    assert.match(err, message);
  }
});
