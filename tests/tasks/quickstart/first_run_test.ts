import assert from "node:assert/strict";
import { openHarness } from "../../../src/harness/open.ts";
import { profile } from "../../../src/run/profile.ts";
import { firstRun } from "../../../tasks/quickstart/first_run.ts";
import { readRequest } from "../../../tasks/quickstart/request.ts";
import { withFolder } from "../../run/tiny_run.ts";

const ZEN3 = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };

/** Runs the quickstart on a recorded bundle of a processor without AVX-512. */
async function quickstart(
  dir: string,
  replay: string,
  args: readonly string[] = [],
): Promise<{ status: number; out: string; err: string }> {
  const recording = {
    model: "Qwen/Qwen3-0.6B",
    hardware: "RECORDED",
    preset: "quick",
    perfDir: dir,
  } as const;
  await using roofline = await openHarness("roofline:H100");
  const info = { ...roofline.info, processor: ZEN3 };
  const { dir: recorded } = await profile(recording, { harness: { ...roofline, info } });
  let [out, err] = ["", ""];
  const terminal = {
    out: (text: string): void => void (out += text),
    err: (text: string): void => void (err += text),
    errStream: null,
    env: {},
    signal: new AbortController().signal,
  };
  const harness = `replay:${recorded}${replay}`;
  const all = ["--harness", harness, "--perf-dir", dir, "--sentinel-s", "0", ...args];
  return { status: await firstRun(readRequest(all, terminal), terminal), out, err };
}

Deno.test("the quickstart measures in the native type, and ends with a table, a figure and the validate line", () =>
  withFolder(async (dir) => {
    const { status, out, err } = await quickstart(dir, "");
    const bundle = `${dir}/MYBOX/Qwen/Qwen3-0.6B/fp32`;
    assert.equal(status, 0);
    assert.ok(err.startsWith("Measuring in float32: AMD EPYC 7R13 (2 cores; avx2) would emulate"), err);
    assert.match(out, /\ntokens +1 +4 +16 +64 +256\n/);
    assert.ok(
      out.endsWith(`\nThe first figure is ${bundle}/layer_times.png\n${bundle}: 0 errors, 0 warnings\n`),
      out,
    );
    const png = await Deno.readFile(`${bundle}/layer_times.png`);
    assert.equal(new TextDecoder().decode(png.subarray(1, 4)), "PNG");
  }));

Deno.test("the quickstart measures in the type that was asked for, and says that it is emulated", () =>
  withFolder(async (dir) => {
    const { out, err } = await quickstart(dir, "", ["--dtype", "bfloat16", "--tp-degrees", "1"]);
    assert.match(err, /Note: AMD EPYC 7R13 emulates bfloat16 \(it has none of avx512_bf16, amx_bf16\): /);
    assert.match(out, /\/bf16: 0 errors, 0 warnings\n$/);
  }));

Deno.test("the quickstart measures less than all where shots take long, and says what and how to measure all", () =>
  withFolder(async (dir) => {
    const { status, out, err } = await quickstart(dir, "?delay_ms=5", ["--budget", "0.1"]);
    assert.equal(status, 0);
    assert.match(
      err,
      /Note: tp 1 attention: the 325 other shots would take about \d.*: a part of them is fired/,
    );
    assert.match(
      err,
      /Note: tp 2 is left out: the degree before took [\d.]+ s of the budget, of which 0\.0 s are left/,
    );
    const sentence =
      "Left out, for the run to take about 0.1 s: tp 2; 305 of 335 attention shots at tp 1, which are predicted\n" +
      "All of it:  deno task shotlab profile ";
    assert.ok(out.includes(sentence), out);
    assert.match(out, / --model Qwen\/Qwen3-0\.6B --hardware MYBOX --preset quick --dtype float32\n$/);
  }));
