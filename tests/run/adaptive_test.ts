import assert from "node:assert/strict";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import { type Bundle, openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/bundle/validate.ts";
import { quantile } from "../../src/fit/errors.ts";
import type { EstimatedEvent, RunEvent } from "../../src/run/events.ts";
import { profile } from "../../src/run/profile.ts";
import { profileEvents } from "../../src/run/profile_events.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { profileAndKill } from "./killed_profile.ts";
import { journaledShots, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, putFile, textOfFile, withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

/** A grid that is large enough to predict most of it. */
const GRID: SettingsInput = {
  ...SMALL,
  tpDegrees: [1],
  maxNumBatchedTokens: 128,
  maxNumSeqs: 16,
  attentionMaxKv: 1024,
  attentionChunkFactor: 2,
  attentionKvFactor: 2,
};
const FIFTH = { adaptive: { shots: 0.2 } } as const;

/** Profiles the whole grid by a roofline; its bundle is the truth that replays answer from. */
async function recordGrid(dir: string): Promise<string> {
  await profile({ ...GRID, perfDir: `${dir}/truth`, harness: "roofline:H100" });
  return smallBundle(`${dir}/truth`);
}

async function run(perfDir: string, truth: string, input: Partial<SettingsInput>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await profile({ ...GRID, perfDir, harness: `replay:${truth}`, ...input }, {
    onEvent: (event) => void events.push(event),
  });
  return events;
}

function estimatedOf(events: readonly RunEvent[], category: EstimatedEvent["category"]): EstimatedEvent {
  return only(events, "estimated").find((event) => event.category === category)!;
}

function errorsOf(bundle: Bundle, truth: Bundle): Float64Array {
  const times = new Map(truth.table(1, "attention").map(({ key, timeUs }) => [key.join(), timeUs]));
  return Float64Array.from(
    bundle.table(1, "attention"),
    ({ key, timeUs }) => Math.abs(timeUs / times.get(key.join())! - 1),
  ).sort();
}

function assertInside(errors: Float64Array, bounds: TableErrors): void {
  for (const [level, bound] of [[0.5, bounds.p50], [0.9, bounds.p90]] as const) {
    assert.ok(
      quantile(errors, level) <= bound.upper,
      `${level}: ${quantile(errors, level)} of ${bound.upper}`,
    );
  }
}

Deno.test("an adaptive run measures a part, predicts the rest, and its true error is inside the bound", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const full = await openBundle(truth);
    const events = await run(dir, truth, FIFTH);
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
    const events = await run(dir, truth, FIFTH);
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
    await run(dir, await recordGrid(dir), { ...FIFTH, skipSkew: true });
    const bundle = smallBundle(dir);
    const found = async (): Promise<string[]> =>
      (await validate(bundle)).filter(({ code }) => /estimated/.test(code))
        .map(({ code, severity, message }) => `${severity} ${code}: ${message}`);
    const [warning, ...others] = await found();
    assert.match(
      warning!,
      /^warning rows-estimated: 950 of 1187 rows are predictions, which estimated.csv lists; by \d+ unseen shots 90% of all are within [\d.]+%, with 95% confidence [\d.]+%$/,
    );
    assert.deepEqual(others, []);
    const list = await textOfFile(bundle, "tp1/estimated.csv");
    await putFile(bundle, "tp1/estimated.csv", `${list}999,0,0,0,0.1\n`);
    assert.deepEqual((await found()).slice(1), [
      "warning estimated-unknown: The list names keys that attention.csv does not have",
    ]);
    await Deno.remove(`${bundle}/tp1/estimated.csv`);
    assert.deepEqual(await found(), [
      "error estimated-differs: The list of predicted rows lacks some, so that these pass for measured",
    ]);
  }));

Deno.test("a plain run after an adaptive one fires what was predicted, and ends as a full one", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const harness = `replay:${truth}?noise=0.02`;
    await run(`${dir}/plain`, truth, { harness });
    await run(dir, truth, { ...FIFTH, harness });
    const before = (await journaledShots(smallBundle(dir))).size;
    const events = await run(dir, truth, { harness });
    const bundle = smallBundle(dir);
    assert.deepEqual(await rowsOfBundle(bundle), await rowsOfBundle(smallBundle(`${dir}/plain`)));
    const counts = await journaledShots(bundle);
    assert.equal(only(events, "shot").length, counts.size - before);
    assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
    assert.equal((await openBundle(bundle)).meta.adaptive, undefined);
    await assert.rejects(Deno.stat(`${bundle}/tp1/estimated.csv`), Deno.errors.NotFound);
    assert.deepEqual((await validate(bundle)).filter(({ code }) => /estimated|count/.test(code)), []);
  }));

Deno.test("a prediction stands until its shot is measured", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    await run(dir, truth, { ...FIFTH, skipSkew: true });
    const before = await openBundle(smallBundle(dir));
    let fired = 0;
    const settings = resolveSettings({ ...GRID, perfDir: dir, harness: `replay:${truth}`, skipSkew: true });
    for await (const event of profileEvents(settings)) if (event.type === "shot" && ++fired === 100) break;
    const after = await openBundle(smallBundle(dir));
    assert.equal(after.table(1, "attention").length, before.table(1, "attention").length);
    assert.equal(after.estimated(1).length, before.estimated(1).length - fired);
    assert.equal(after.meta.adaptive?.per_tp[1]?.attention?.estimated, after.estimated(1).length);
    const journaled = await journaledShots(after.dir);
    assert.ok(after.estimated(1).every(({ key }) => !journaled.has(`attention tp1 ${key.join()}`)));
  }));

Deno.test("an adaptive run that is killed again and again ends as an undisturbed one, no shot fired twice", () =>
  withFolder(async (dir) => {
    const harness = `replay:${await recordGrid(dir)}?noise=0.02`;
    const input = { ...GRID, ...FIFTH };
    await profile({ ...input, perfDir: `${dir}/undisturbed`, harness });
    const perfDir = `${dir}/killed`;
    await profileAndKill({ perfDir, harness: `${harness}&delay_ms=2`, input, kills: 5, longestMs: 1500 });
    await profile({ ...input, perfDir, harness });
    const [killed, whole] = [smallBundle(perfDir), smallBundle(`${dir}/undisturbed`)];
    assert.deepEqual(await rowsOfBundle(killed), await rowsOfBundle(whole));
    assert.equal(await textOfFile(killed, "tp1/estimated.csv"), await textOfFile(whole, "tp1/estimated.csv"));
    const counts = await journaledShots(killed);
    assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
    assert.equal(counts.size, (await journaledShots(whole)).size);
  }));

Deno.test("an error as target ends the rounds when 90% of the rows are within it", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const events = await run(dir, truth, { adaptive: { error: 0.06 }, skipSkew: true });
    const { measured, errors } = estimatedOf(events, "attention");
    assert.ok(measured < 600, `${measured}`);
    assert.ok(errors.p90.estimate <= 0.06);
    const bundle = await openBundle(smallBundle(dir));
    assert.ok(quantile(errorsOf(bundle, await openBundle(truth)), 0.9) <= 0.06);
  }));

Deno.test("a budget ends attention and skew, side by side, and says what more would buy", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const harness = `replay:${truth}?delay_ms=8`;
    const events = await run(dir, truth, { budget: 4, harness });
    const { measured, estimated } = estimatedOf(events, "attention");
    assert.ok(measured >= 50 && estimated > 0);
    const started = only(events, "sweep-started").map(({ category }) => category);
    assert.deepEqual(started, ["dense", "per_sequence", "attention", "skew"]);
    assert.ok(
      events.findIndex(({ type }) => type === "estimated") >
        events.findIndex((event) => event.type === "sweep-started" && event.category === "skew"),
    );
    const [notice] = only(events, "notice").map(({ message }) => message);
    assert.match(
      notice!,
      /^As much time again, 4 s at tp 1, would bring the error that 90% of the rows stay within down: attention from [\d.]+% to /,
    );
    assert.equal((await openBundle(smallBundle(dir))).meta.adaptive?.budget_s, 4);
  }));

Deno.test("a prior is named, and what it gained", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const events = await run(dir, truth, { adaptive: { shots: 0.1 }, prior: truth, skipSkew: true });
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
    const first = await run(dir, truth, input);
    const failed = only(first, "failed-shot").filter(({ category }) => category === "attention");
    assert.ok(failed.length > 5);
    const bundle = await openBundle(smallBundle(dir));
    const rows = new Set(bundle.table(1, "attention").map(({ key }) => key.join()));
    assert.ok(failed.every(({ key }) => !rows.has(key.join())));
    const again = await run(dir, truth, input);
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
