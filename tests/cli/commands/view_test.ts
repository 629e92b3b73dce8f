import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";
import { type Files, withBundle } from "../../bundle/with_bundle.ts";

function bundle(dir: string, hardware: string, timeUs: number): Files {
  return {
    [`${dir}/meta.yaml`]: `hardware: ${hardware}\nmodel: o/x\n`,
    [`${dir}/tp1/dense.csv`]: `layer,tokens,time_us\no_proj,16,${timeUs}\no_proj,32,${2 * timeUs}\n`,
    [`${dir}/tp1/attention.csv`]:
      `prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,${timeUs}\n0,0,1,32,${timeUs}\n`,
  };
}

const TWO = { ...bundle("a", "H100", 10), ...bundle("b", "H200", 8) };

Deno.test("shotlab diff: prints the ratios of each table", async () => {
  await withBundle(TWO, async (dir) => {
    const { status, out } = await runMain(["diff", `${dir}/a`, `${dir}/b`]);
    assert.equal(status, 0);
    assert.equal(
      out,
      `hardware: "H100" | "H200"

tp 1, time of the second / time of the first
table      layer   shots    min    10%    50%    90%    max
dense      o_proj      2  0.800  0.800  0.800  0.800  0.800
attention              2  0.800  0.800  0.800  0.800  0.800
`,
    );
    const json = JSON.parse((await runMain(["diff", `${dir}/a`, `${dir}/b`, "--json"])).out);
    assert.equal(json.tables[0].ratio.p50, 0.8);
  });
});

Deno.test("shotlab coverage: prints what a run would find", async () => {
  await withBundle(TWO, async (dir) => {
    const flags = ["--max-num-batched-tokens", "64", "--max-num-seqs", "1", "--max-kv", "32"];
    const { status, out } = await runMain(["coverage", `${dir}/a`, ...flags]);
    assert.equal(status, 0);
    assert.match(out, /^A run with up to 64 new tokens, 1 request and 32 KV tokens\n/);
    assert.match(out, /tp 1 dense o_proj: extrapolated beyond 32 tokens\n/);
    assert.match(out, /exact {2}between {2}clamped {2}neighbour {2}extrapolated\n/);
    const json = JSON.parse((await runMain(["coverage", `${dir}/a`, ...flags, "--json"])).out);
    assert.deepEqual(json.need, { maxNumBatchedTokens: 64, maxNumSeqs: 1, maxKv: 32 });
  });
});

Deno.test("shotlab report: writes one file for a bundle, and one for two", async () => {
  await withBundle(TWO, async (dir) => {
    const out = `${dir}/report.html`;
    const one = await runMain(["report", `${dir}/a`, "--out", out]);
    assert.deepEqual([one.status, one.err], [0, ""]);
    assert.equal(
      one.out,
      `The report is in ${out}, without whole iterations: configs has no such model\n`,
    );
    assert.match(await Deno.readTextFile(out), /<h1>o\/x on H100<\/h1>/);
    const two = await runMain(["report", `${dir}/a`, `${dir}/b`, "--out", out]);
    assert.deepEqual(two, { status: 0, out: `The comparison is in ${out}\n`, err: "" });
    assert.match(await Deno.readTextFile(out), /<h1>o\/x on H200 against o\/x on H100<\/h1>/);
  });
});

Deno.test("shotlab diff, coverage, report: wrong use exits with 2", async () => {
  const cases = [
    [["diff", "a"], "error: missing required argument 'second'\n"],
    [
      ["report", "no such folder"],
      "error: Cannot look for bundles in no such folder: there is no such folder\n",
    ],
    [["coverage", "no such folder"], "error: Cannot read no such folder: it does not exist\n"],
    [
      ["coverage", "a", "--max-kv", "0"],
      "error: option '--max-kv <n>' argument '0' is invalid. Expected an integer of at least 1.\n",
    ],
  ] as const;
  for (const [args, err] of cases) assert.deepEqual(await runMain(args), { status: 2, out: "", err });
});

Deno.test("shotlab report: without --out beside the bundle; of a folder of bundles, a page that lists them", async () => {
  await withBundle(TWO, async (dir) => {
    assert.match((await runMain(["report", `${dir}/a`])).out, /a\/report\.html, without/);
    const all = await runMain(["report", dir]);
    assert.deepEqual(all, {
      status: 0,
      out: `The reports of 2 bundles are listed in ${dir}/index.html\n`,
      err: "",
    });
    const page = await Deno.readTextFile(`${dir}/index.html`);
    assert.match(page, /<a href="a\/report\.html">o\/x<\/a>.*<a href="b\/report\.html">o\/x<\/a>/s);
    assert.match(await Deno.readTextFile(`${dir}/b/report.html`), /Cite this bundle/);
  });
});
