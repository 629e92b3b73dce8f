import assert from "node:assert/strict";
import { openBundle, type WholeBundle } from "../../src/bundle/open.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { profile } from "../../src/run/profile.ts";
import { validate } from "../../src/check/validate.ts";
import type { RunEvent } from "../../src/events.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { quantile } from "../../src/stats.ts";
import { assertInside, errorsOf, estimatedOf, FIFTH, GRID, recordGrid, runGrid } from "./adaptive_grid.ts";
import { clocked } from "./clock.ts";
import { fakeHarness } from "./fakes.ts";
import { journaledShots, smallBundle } from "./small_model.ts";
import { only, putFile, textOfFile, withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

Deno.test("an adaptive run measures a part, predicts the rest, and its true error is inside the bound", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const full = await openBundle(truth);
    const events = await runGrid(dir, truth, FIFTH);
    const bundle = await openBundle(smallBundle(dir));
    const { length } = full.table(1, "attention");
    const { measured, estimated, errors, prior } = estimatedOf(events, "attention");
    assert.equal(measured, Math.round(0.2 * length));
    assert.equal(estimated, length - measured);
    assert.equal(prior, null);
    assert.equal(bundle.table(1, "attention").length, length);
    assert.equal(bundle.estimated(1).length, estimated);
    assertInside(errorsOf(bundle, full), errors);
    for (const category of ["dense", "per_sequence"] as const) {
      assert.deepEqual(bundle.table(1, category), full.table(1, category));
    }
    const { adaptive } = bundle.meta;
    assert.deepEqual(adaptive?.target, { shots: 0.2 });
    assert.equal(adaptive?.per_tp[1]?.attention?.estimated, estimated);
    assert.equal(adaptive?.per_tp[1]?.attention?.rel_err_p90, Number(errors.p90.estimate.toFixed(4)));
  }));

Deno.test("predicted rows are in no journal, skew.csv has the cases that were fired, and the fit knows the others", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const events = await runGrid(dir, truth, FIFTH);
    const bundle = await openBundle(smallBundle(dir));
    const journaled = [...(await journaledShots(bundle.dir)).keys()];
    const predicted = new Set(bundle.estimated(1).map(({ key }) => `attention tp1 ${key.join()}`));
    assert.ok(journaled.every((shot) => !predicted.has(shot)));
    const { measured, estimated } = estimatedOf(events, "skew");
    assert.equal(measured + estimated, (await openBundle(truth)).skew(1).length);
    assert.equal(bundle.skew(1).length, measured);
    assert.equal(journaled.filter((shot) => shot.startsWith("skew")).length, measured);
    const { n_samples = 0, n_estimated = 0 } = bundle.meta.skew_fit!.per_tp![1]!;
    assert.equal(n_samples - n_estimated, bundle.skew(1).filter(({ alpha }) => alpha !== null).length);
    assert.ok(n_estimated > 0);
  }));

Deno.test("validate says how much is predicted and how well, and misses a list that is gone", () =>
  withFolder(async (dir) => {
    await runGrid(dir, await recordGrid(dir), { ...FIFTH, skipSkew: true });
    const bundle = smallBundle(dir);
    const found = async (): Promise<string[]> =>
      (await validate(bundle)).filter(({ code }) => /estimated/.test(code))
        .map(({ code, severity, message }) => `${severity} ${code}: ${message}`);
    const [warning, ...others] = await found();
    assert.match(
      warning!,
      /^warning rows-estimated: 950 of 1,187 rows are predictions, which estimated.csv lists; by \d+ unseen shots 90% of all are within [\d.]+%, with 95% confidence [\d.]+%$/,
    );
    assert.deepEqual(others, []);
    const list = await textOfFile(bundle, "tp1/estimated.csv");
    await putFile(bundle, "tp1/estimated.csv", `${list}999,0,499.5,0,0,1,0.1\n`);
    assert.deepEqual((await found()).slice(1), [
      "warning estimated-unknown: The list names keys that attention.csv does not have",
    ]);
    await Deno.remove(`${bundle}/tp1/estimated.csv`);
    assert.deepEqual(await found(), [
      "error estimated-differs: The list of predicted rows lacks some, so that these pass for measured",
    ]);
  }));

Deno.test("an error as target ends the rounds when 90% of the rows are within it", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const events = await runGrid(dir, truth, { adaptive: { error: 0.06 }, skipSkew: true });
    const { measured, errors } = estimatedOf(events, "attention");
    assert.ok(measured < 600, `${measured}`);
    assert.ok(errors.p90.estimate <= 0.06);
    const bundle = await openBundle(smallBundle(dir));
    assert.ok(quantile(errorsOf(bundle, await openBundle(truth)), 0.9) <= 0.06);
  }));

Deno.test("a budget ends attention and skew, side by side, and says what more would buy", () =>
  withFolder(async (dir) => {
    const events: RunEvent[] = [];
    const input = { ...GRID, budget: 4, perfDir: dir };
    await clocked(
      (open) => profile(input, { open, onEvent: (event) => void events.push(event) }),
      { shotS: 0.008, bootS: 0.1 },
    );
    const { measured, estimated } = estimatedOf(events, "attention");
    assert.ok(measured >= 50 && estimated > 0);
    const started = only(events, "sweep-started").map(({ category }) => category);
    assert.deepEqual(started, ["dense", "per_sequence", "attention", "skew"]);
    assert.ok(
      events.findIndex(({ type }) => type === "estimated") >
        events.findIndex((event) => event.type === "sweep-started" && event.category === "skew"),
    );
    const notices = only(events, "notice").map(({ message }) => message);
    assert.match(notices[1]!, /^tp 1 (attention|skew): the [\d,]+ other shots would take about /);
    assert.equal(
      notices.at(-1),
      "The budget was 4.0 s, and the run took 4.0 s: booting 0.1 s, firing 3.9 s, choosing and predicting 0.0 s",
    );
    assert.match(
      notices.at(-2)!,
      /^As much time again, 4 s at tp 1, would bring the error that 90% of the rows stay within down: attention from [\d.]+% to /,
    );
    assert.equal((await openBundle(smallBundle(dir))).meta.adaptive?.budget_s, 4);
  }));

Deno.test("a prior is named, and what it gained", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const events = await runGrid(dir, truth, { adaptive: { shots: 0.1 }, prior: truth, skipSkew: true });
    const { prior, errors } = estimatedOf(events, "attention");
    assert.ok(prior !== null && prior.with < prior.without);
    const bundle = await openBundle(smallBundle(dir));
    assertInside(errorsOf(bundle, await openBundle(truth)), errors);
    assert.equal(bundle.meta.adaptive?.prior, "TEST/Qwen/Qwen3-0.6B/bf16");
    const { p90_with_prior, p90_without_prior } = bundle.meta.adaptive!.per_tp[1]!.attention!;
    assert.ok(p90_with_prior! < p90_without_prior!);
  }));

Deno.test("a shot that failed has no row, predicted or measured, and is not fired again", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const input = { ...FIFTH, skipSkew: true, harness: `replay:${truth}?fail=0.1` };
    const first = await runGrid(dir, truth, input);
    const failed = only(first, "failed-shot").filter(({ category }) => category === "attention");
    assert.ok(failed.length > 5);
    const bundle = await openBundle(smallBundle(dir));
    const rows = new Set(bundle.table(1, "attention").map(({ key }) => key.join()));
    assert.ok(failed.every(({ key }) => !rows.has(key.join())));
    const again = await runGrid(dir, truth, input);
    assert.deepEqual([only(again, "shot"), only(again, "failed-shot")], [[], []]);
  }));

Deno.test("a grid that is too small to be predicted is measured, a device that nobody described is said", () =>
  withFolder(async (dir) => {
    const events = await told(dir, { ...FIFTH, tpDegrees: [1], maxNumSeqs: 4 });
    assert.deepEqual(only(events, "estimated").map(({ estimated }) => estimated), [0, 0]);
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "configs/hardware describes no Abacus: 108 multiprocessors are assumed, with another number predictions are worse",
    ]);
    const { meta } = await openBundle(smallBundle(dir));
    assert.equal(meta.adaptive, undefined);
  }));

Deno.test("the rounds go to all lanes of a pool", () =>
  withFolder(async (dir) => {
    const lanes = new Set<string>();
    await told(dir, { ...GRID, ...FIFTH, devices: [0, 1], skipSkew: true });
    const bundle = await openBundle(smallBundle(dir));
    assert.equal(bundle.table(1, "attention").length, 1187);
    const journal = (await textOfFile(bundle.dir, "journal.jsonl")).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    for (const { type, category, lane } of journal) {
      if (type === "shot" && category === "attention") lanes.add(lane);
    }
    assert.deepEqual([...lanes].sort(), ["device 0", "device 1"]);
    assert.deepEqual([...await journaledShots(bundle.dir)].filter(([, count]) => count > 1), []);
  }));

for (
  const [model, layer] of [
    ["google/gemma-3-27b-it", "sliding_attention"],
    ["openai/gpt-oss-20b", "sliding_attention"],
  ] as const
) {
  Deno.test(`of several attention kernels each has its rows, ${model}`, () =>
    withFolder(async (dir) => {
      const own = { ...GRID, model, hardware: "H100", harness: "roofline:H100", attentionMaxKv: 4096 };
      const dirOf = (perfDir: string): string => `${perfDir}/H100/${model}`;
      const bundleIn = async (perfDir: string): Promise<WholeBundle> => {
        const [variant] = await Array.fromAsync(Deno.readDir(dirOf(perfDir)));
        return await openBundle(`${dirOf(perfDir)}/${variant!.name}`);
      };
      await profile({ ...own, skipSkew: true, perfDir: `${dir}/truth` });
      const events: RunEvent[] = [];
      const run = (input: object): Promise<unknown> =>
        profile({ ...own, ...input, perfDir: dir }, { onEvent: (event) => void events.push(event) });
      await run(FIFTH);
      const [truth, bundle] = [await bundleIn(`${dir}/truth`), await bundleIn(dir)];
      const { measured, estimated, errors } = estimatedOf(events, "attention");
      const textOf = ({ layer, key }: Row): string => `${layer} ${key.join()}`;
      const times = new Map(truth.shots(1, "attention").map((row) => [textOf(row), row.timeUs]));
      const rows = bundle.shots(1, "attention");
      assert.equal(rows.length, times.size);
      assert.equal(2 * (measured + estimated), times.size);
      assert.equal(bundle.estimated(1).length, estimated);
      const predicted = new Set(bundle.estimated(1).map(({ key }) => key.join()));
      for (const kernel of [null, layer]) {
        const own = rows.filter(({ layer }) => layer === kernel);
        const errorsOfKernel = own.map((row) => Math.abs(row.timeUs / times.get(textOf(row))! - 1));
        assertInside(Float64Array.from(errorsOfKernel).sort(), errors);
        for (const [i, { key }] of own.entries()) {
          if (!predicted.has(key.join())) assert.equal(errorsOfKernel[i], 0);
        }
      }
      assert.deepEqual(
        (await validate(bundle.dir)).filter(({ severity }) => severity === "error"),
        [],
      );
      events.length = 0;
      await run(FIFTH);
      assert.deepEqual(only(events, "shot"), [], "the same shots are asked for again");
      assert.deepEqual((await bundleIn(dir)).shots(1, "attention"), rows);
      await run({});
      assert.deepEqual((await bundleIn(dir)).shots(1, "attention"), truth.shots(1, "attention"));
      assert.deepEqual((await bundleIn(dir)).estimated(1), []);
    }));
}

Deno.test("how far samples of a shot lie apart stands beside the error: in the event, in meta.yaml, in validate", () =>
  withFolder(async (dir) => {
    const factor = (_: Shot, sample: number): number => 1 + 0.01 * (sample % 3);
    const events: RunEvent[] = [];
    await profile({ ...GRID, ...FIFTH, perfDir: dir }, {
      open: () => Promise.resolve(fakeHarness({ factor })),
      onEvent: (event) => void events.push(event),
    });
    const issues = await validate(smallBundle(dir));
    for (const [category, code] of [["attention", "rows-estimated"], ["skew", "skew-estimated"]] as const) {
      const { scatter } = estimatedOf(events, category);
      assert.ok(scatter !== null && 0 < scatter.p50 && scatter.p50 <= scatter.p90 && scatter.p90 < 0.05);
      const { adaptive } = (await openBundle(smallBundle(dir))).meta;
      assert.equal(adaptive!.per_tp[1]![category]!.scatter_p90, Number(scatter.p90.toFixed(4)));
      const [warning] = issues.filter((issue) => issue.code === code);
      assert.match(warning!.message, / \(samples of a measured one scatter by [\d.]+%\)$/);
    }
  }));
