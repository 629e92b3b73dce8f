/** The step of the dense sweep's token axis, from the flag to the tables. */
import assert from "node:assert/strict";
import { openBundle } from "../../../src/bundle/open.ts";
import { tokenAxis } from "../../../src/shots/axes.ts";
import { journaledShots, rowsOfBundle } from "../../run/small_model.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { runMain } from "../run_main.ts";

const WHAT = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--tp-degrees", "1"];
const GRID = [
  ...["--max-num-batched-tokens", "128", "--max-num-seqs", "4", "--attention-max-kv", "64"],
  "--skip-skew",
];
const ROOFLINE = ["--harness", "roofline:H100"];
const BUNDLE = "H100/Qwen/Qwen3-0.6B/bf16";

/** Profiles on the roofline; returns what is told. */
async function profile(dir: string, ...flags: string[]): Promise<string> {
  const { status, err } = await runMain([
    "profile",
    ...WHAT,
    ...GRID,
    ...ROOFLINE,
    "--perf-dir",
    dir,
    ...flags,
  ]);
  assert.equal(status, 0, err);
  return err;
}

/** The token counts that each layer of the bundle's dense table has. */
async function tokensOf(dir: string): Promise<number[]> {
  const layers = Map.groupBy((await openBundle(`${dir}/${BUNDLE}`)).table(1, "dense"), ({ layer }) => layer);
  const axes = [...layers.values()].map((rows) => rows.map(({ key }) => key[0]!).sort((a, b) => a - b));
  for (const axis of axes) assert.deepEqual(axis, axes[0]);
  return axes[0]!;
}

/** The shots that two records of how often each was measured differ by. */
async function firedSince(before: ReadonlyMap<string, number>, dir: string): Promise<string[]> {
  const now = await journaledShots(`${dir}/${BUNDLE}`);
  return [...now].filter(([shot, count]) => count !== (before.get(shot) ?? 0)).map(([shot]) => shot);
}

Deno.test("profile --dense-step: a coarser bundle is resumed with the shots between its rows, and kept by a coarser run", () =>
  withFolder(async (dir) => {
    const bundle = `${dir}/${BUNDLE}`;
    const meta = (): Promise<string> => Deno.readTextFile(`${bundle}/meta.yaml`);
    await profile(dir);
    assert.deepEqual(await tokensOf(dir), tokenAxis(128));
    assert.doesNotMatch(await meta() + await Deno.readTextFile(`${bundle}/journal.jsonl`), /dense_?step/i);
    const usual = await rowsOfBundle(bundle);
    const before = await journaledShots(bundle);

    await profile(dir, "--dense-step", "4");
    const between = tokenAxis(128, 4).filter((tokens) => !tokenAxis(128).includes(tokens));
    assert.deepEqual(
      new Set(await firedSince(before, dir)),
      new Set(between.map((tokens) => `dense tp1 ${tokens}`)),
    );
    assert.deepEqual(await tokensOf(dir), tokenAxis(128, 4));
    const finer = await rowsOfBundle(bundle);
    assert.deepEqual(usual.filter((row) => !finer.includes(row)), [], "no row is changed");
    assert.match(await meta(), /\ndense_step: 4\n/);
    assert.match(await Deno.readTextFile(`${bundle}/journal.jsonl`), /"denseStep":4/);
    assert.equal((await runMain(["validate", bundle])).out, `${bundle}: 0 errors, 0 warnings\n`);

    const fired = await journaledShots(bundle);
    assert.match(
      await profile(dir),
      /tp1\/dense\.csv: 12 keys of another grid are kept, as further points of this one \(tokens 68, 72, 76, 84, 88, 92, and 6 more\)/,
    );
    assert.deepEqual(await rowsOfBundle(bundle), finer);
    assert.match(await meta(), /\ndense_step: 4\n/, "nothing is written where nothing was fired");
    assert.match(
      await profile(dir, "--exact-grid"),
      /12 keys that the plan does not have were moved into \S+archive\/tp1\/dense\.csv/,
    );
    assert.deepEqual(await rowsOfBundle(bundle), usual);
    assert.doesNotMatch(await meta(), /dense_step/);
    await profile(dir, "--dense-step", "4");
    assert.deepEqual(await rowsOfBundle(bundle), finer);
    assert.deepEqual(await firedSince(fired, dir), [], "what the archive has is not fired again");
  }));

for (const grid of ["august", "v1.2", "both"]) {
  Deno.test(`plan --dense-step 1 --grid ${grid}: fired and ingested it is the bundle of a live run`, () =>
    withFolder(async (dir) => {
      const step = ["--dense-step", "1", "--grid", grid];
      await profile(`${dir}/live`, ...step);
      assert.deepEqual(await tokensOf(`${dir}/live`), Array.from({ length: 128 }, (_, i) => i + 1));
      const limits = ["limits", ...WHAT, "--max-num-batched-tokens", "128", "--max-num-seqs", "4"];
      assert.equal((await runMain([...limits, "--out", `${dir}/limits.json`])).status, 0);
      const files = ["--limits", `${dir}/limits.json`, "--out", `${dir}/plan.jsonl`];
      const planned = await runMain(["plan", ...WHAT, ...GRID, ...step, ...files]);
      assert.match(planned.out, /^tp 1 dense: 128 shots\ntp 1 per_sequence: 4 shots\n/, planned.err);
      const fired = await runMain(["fire", `${dir}/plan.jsonl`, "--out", `${dir}/r.jsonl`, ...ROOFLINE]);
      assert.equal(fired.status, 0, fired.err);
      const ingested = await runMain(["ingest", `${dir}/r.jsonl`, "--perf-dir", `${dir}/apart`]);
      assert.equal(ingested.status, 0, ingested.err);
      const [live, apart] = [`${dir}/live/${BUNDLE}`, `${dir}/apart/${BUNDLE}`];
      assert.deepEqual(await rowsOfBundle(apart), await rowsOfBundle(live));
      assert.match(await Deno.readTextFile(`${apart}/meta.yaml`), /\ndense_step: 1\n/);
      const compared = await runMain(["diff", live, apart]);
      assert.equal(compared.status, 0, compared.out);
    }));
}

Deno.test("profile-all: a models file may say the step of one model", () =>
  withFolder(async (dir) => {
    const models = `${dir}/models.yaml`;
    await Deno.writeTextFile(models, "models:\n  - { model: Qwen/Qwen3-0.6B, denseStep: 4 }\n");
    const { status, err } = await runMain([
      ...["profile-all", "--file", models, ...WHAT.slice(2), ...GRID, ...ROOFLINE, "--perf-dir", dir],
    ]);
    assert.equal(status, 0, err);
    assert.deepEqual(await tokensOf(dir), tokenAxis(128, 4));
  }));

Deno.test("--dense-step is refused in one line where it is no divisor of 16, or with the reference's own plan", async () => {
  const cases: [flags: string[], message: string][] = [
    [["--dense-step", "3"], "Cannot use --dense-step 3: expected 1, 2, 4, 8 or 16"],
    [["--dense-step", "0"], "Cannot use --dense-step 0: expected 1, 2, 4, 8 or 16"],
    [
      ["--dense-step", "4", "--parity"],
      "Cannot use --dense-step 4 with --parity: the reference profiler has steps of 16 tokens; leave one of the two out",
    ],
  ];
  for (const [flags, message] of cases) {
    const { status, err } = await runMain(["profile", ...WHAT, ...GRID, ...ROOFLINE, ...flags]);
    assert.deepEqual([status, err], [2, `error: ${message}\n`]);
  }
});
