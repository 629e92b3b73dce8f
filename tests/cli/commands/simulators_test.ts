import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

Deno.test("a bundle goes to both simulators: profiled, predicted, fitted, checked and exported", async () => {
  const perfDir = await Deno.makeTempDir();
  const dir = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  const grid = ["--max-num-batched-tokens", "32", "--max-num-seqs", "4", "--attention-max-kv", "512"];
  const what = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--tp-degrees", "1"];
  const profiled = await runMain([
    "profile",
    ...what,
    ...grid,
    "--harness",
    "roofline:H100",
    "--perf-dir",
    perfDir,
  ]);
  assert.equal(profiled.status, 0, profiled.err);
  for (const simulator of ["august", "v1.2"]) {
    const { status, out } = await runMain(["validate", dir, "--simulator", simulator]);
    assert.deepEqual([status, out], [0, `${dir}: 0 errors, 0 warnings\n`]);
  }

  const queries = `${perfDir}/q.jsonl`;
  const asked = { kind: "iteration", tp: 1, ep: 1, model: "Qwen/Qwen3-0.6B" };
  const two = { ...asked, prefills: [[8, 0], [8, 120]], decodes: [[64, 1], [256, 1]] };
  const one = { ...asked, prefills: [[16, 56]], decodes: [[64, 1], [256, 1]] };
  const batch = { kind: "batch", tp: 1, prefills: two.prefills, decodes: two.decodes };
  await Deno.writeTextFile(
    queries,
    `${JSON.stringify(two)}\n${JSON.stringify(one)}\n{"kind":"iteration"}\n${JSON.stringify(batch)}\n`,
  );
  const answers = async (...flags: string[]): Promise<[number, Record<string, unknown>[], string]> => {
    const { status, out, err } = await runMain(["predict", dir, "--queries", queries, ...flags]);
    return [status, out.trimEnd().split("\n").map((line) => JSON.parse(line)), err];
  };
  const [status, [several, single, broken, placed], err] = await answers("--simulator", "v1.2");
  assert.deepEqual([status, err], [0, ""]);
  type Layers = Record<string, { ns: number; times: number }>;
  const { attention, layernorm } = several!.layers as Layers;
  assert.deepEqual([attention?.times, layernorm?.times], [28, 56]);
  const total = Object.values(several!.layers as Layers).reduce((sum, { ns, times }) => sum + ns * times, 0);
  assert.equal(several!.ns, total);
  // One prefill at 56 + 8 and two whose tokens lie at 64 on average: the same place for v1.2.
  assert.equal((single!.layers as Layers)["attention"]?.ns, attention?.ns);
  assert.match(String(broken!.error), /^Cannot answer the query: /);
  assert.deepEqual([placed?.prefill_key, placed?.bucket], [64, null]);
  const [, inAugust] = await answers("--simulator", "august");
  assert.deepEqual([inAugust[3]?.prefill_key, inAugust[3]?.bucket], [
    undefined,
    "pc=16|n<=2|sr<=70%|kvB<=1k|kp<=2k",
  ]);
  assert.deepEqual((await answers())[1], inAugust);

  const fits: readonly (readonly [simulator: string, sentence: RegExp, v12: number, enabled: boolean])[] = [
    ["august", /August corrects by the fit; v1.2 refuses the bundle with it\n$/, 1, true],
    ["v1.2", /Both simulators correct by their fits; v1.2's is for LLMServingSim v1.2 /, 0, true],
    ["none", /The fit is kept and off: v1.2 refuses a fit in the form of August/, 0, false],
  ];
  for (const [simulator, sentence, expected, enabled] of fits) {
    const fitted = await runMain(["fit", dir, "--simulator", simulator]);
    assert.equal(fitted.status, 0, fitted.err);
    assert.match(fitted.out, sentence);
    assert.equal((await runMain(["validate", dir, "--simulator", "v1.2"])).status, expected);
    assert.equal((await runMain(["validate", dir, "--simulator", "august"])).status, 0);
    assert.equal(
      /skew_fit:\n {2}enabled: (\w+)/.exec(await Deno.readTextFile(`${dir}/meta.yaml`))?.[1],
      `${enabled}`,
    );
  }

  for (const simulator of ["august", "v1.2"]) {
    const to = `${perfDir}/for-${simulator}`;
    const exported = await runMain(["export", dir, "--simulator", simulator, "--to", to]);
    assert.equal(exported.status, 0, exported.err);
    const written = await Array.fromAsync(walk(to));
    assert.ok(exported.out.startsWith(`${to}: ${written.length} files\n- `), exported.out);
    assert.match(
      exported.out,
      /\npython -m serving \\\n {2}--cluster-config configs\/cluster\/H100_Qwen_Qwen3-0.6B_tp1.json/,
    );
  }
  const half = await runMain([
    "export",
    dir,
    "--simulator",
    "v1.2",
    "--to",
    `${perfDir}/x`,
    "--link-latency",
    "5",
  ]);
  assert.deepEqual([half.status, half.err.split("\n")[0]], [
    2,
    "error: Cannot export: --link-bandwidth and --link-latency must be given together",
  ]);
  await Deno.remove(perfDir, { recursive: true });
});

/** The files below a folder. */
async function* walk(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) yield* walk(`${dir}/${name}`);
    else yield `${dir}/${name}`;
  }
}
