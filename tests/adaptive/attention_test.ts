import assert from "node:assert/strict";
import { adaptAttention, type AdaptOptions, attentionRounds } from "../../src/adaptive/attention.ts";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { UsageError } from "../../src/errors.ts";
import { quantile } from "../../src/stats.ts";
import { type AttentionShot, shotKey } from "../../src/shots/shot.ts";
import { makeUpTable } from "./made_up_table.ts";

const { shots, kernel, timeUs } = await makeUpTable("H100");

type Adapted = Awaited<ReturnType<typeof adaptAttention>>;

/** Adapts to the made-up table, and counts what is fired. */
async function adapt(options: AdaptOptions): Promise<Adapted & { fired: AttentionShot[] }> {
  const fired: AttentionShot[] = [];
  const adapted = await adaptAttention(shots, kernel, (asked) => {
    fired.push(...asked);
    return Promise.resolve(asked.map(timeUs));
  }, options);
  return { ...adapted, fired };
}

function errorsOf(rows: readonly Row[]): Float64Array {
  const truth = new Map(shots.map((shot) => [shotKey(shot).join(), timeUs(shot)]));
  return Float64Array.from(rows, ({ key, timeUs }) => Math.abs(timeUs / truth.get(key.join())! - 1)).sort();
}

Deno.test("adaptAttention: a fifth of the shots gives the whole grid, its true error inside the bound", async () => {
  const { rows, estimated, errors, fired } = await adapt({ shots: 0.2, seed: 1 });
  assert.equal(rows.length, shots.length);
  assert.equal(fired.length, Math.round(0.2 * shots.length));
  assert.equal(new Set(fired).size, fired.length);
  assert.equal(estimated.length, shots.length - fired.length);
  const truth = errorsOf(rows);
  assert.ok(quantile(truth, 0.5) <= errors.p50.upper);
  assert.ok(quantile(truth, 0.9) <= errors.p90.upper);
  assert.ok(quantile(truth, 0.9) < 0.07, `p90 ${quantile(truth, 0.9)}`);
});

Deno.test("adaptAttention: times that are all alike are learned without a miss, round after round", async () => {
  const { rows, estimated, errors } = await adaptAttention(
    shots.slice(0, 600),
    kernel,
    (asked) => Promise.resolve(asked.map(() => 7)),
    { shots: 0.5 },
  );
  assert.equal(rows.length, 600);
  assert.ok(estimated.length > 0 && rows.every(({ timeUs }) => Math.abs(timeUs - 7) < 1e-9));
  assert.equal(errors.p99.estimate, 0);
});

Deno.test("adaptAttention: measured rows are exact, the others are listed with the error to expect", async () => {
  const { rows, estimated, fired } = await adapt({ shots: 0.15 });
  const listed = new Map(estimated.map(({ key, expectedError }) => [key.join(), expectedError]));
  const times = new Map(rows.map(({ key, timeUs }) => [key.join(), timeUs]));
  for (const shot of fired) {
    assert.ok(!listed.has(shotKey(shot).join()));
    assert.ok(Math.abs(times.get(shotKey(shot).join())! / timeUs(shot) - 1) < 1e-12);
  }
  assert.ok([...listed.values()].every((error) => error > 0 && Number.isFinite(error)));
  const within = shots.filter((shot) => {
    const key = shotKey(shot).join();
    return Math.abs(times.get(key)! / timeUs(shot) - 1) <= (listed.get(key) ?? 0) + 1e-12;
  });
  assert.ok(within.length / shots.length > 0.8, `${within.length} of ${shots.length}`);
});

Deno.test("adaptAttention: stops when the bound of p90 is reached, and holds what it says", () => {
  const before: TableErrors[] = [];
  const fired: AttentionShot[] = [];
  const rounds = attentionRounds(shots, kernel, { error: 0.04 });
  let step = rounds.next();
  while (!step.done) {
    if (step.value.errors !== null) before.push(step.value.errors);
    fired.push(...step.value.shots);
    step = rounds.next(step.value.shots.map(timeUs));
  }
  assert.ok(fired.length < shots.length / 2, `${fired.length} of ${shots.length}`);
  for (const errors of before) assert.ok(errors.p90.upper > 0.04);
  assert.ok(quantile(errorsOf(step.value.rows), 0.9) <= 0.04);
});

Deno.test("adaptAttention: the same seed asks for the same shots", async () => {
  const [once, again, other] = await Promise.all([0, 0, 1].map((seed) => adapt({ shots: 0.05, seed })));
  assert.deepEqual(again, once);
  assert.notDeepEqual(other!.fired, once!.fired);
});

Deno.test("adaptAttention: all shots, none predicted", async () => {
  const { estimated, errors } = await adapt({});
  assert.equal(estimated.length, 0);
  assert.equal(errors.p99.upper, 0);
});

Deno.test("adaptAttention: shots that fail have no row, and are not asked for again", async () => {
  const asked = new Map<AttentionShot, number>();
  const { rows, estimated } = await adaptAttention(shots, kernel, (next) => {
    for (const shot of next) asked.set(shot, (asked.get(shot) ?? 0) + 1);
    return Promise.resolve(next.map((shot) => shot.n_decode === 32 ? null : timeUs(shot)));
  }, { shots: 0.2 });
  assert.ok([...asked.values()].every((times) => times === 1));
  const failed = [...asked.keys()].filter(({ n_decode }) => n_decode === 32);
  assert.equal(rows.length, shots.length - failed.length);
  assert.equal(estimated.length, shots.length - asked.size);
});

Deno.test("adaptAttention: a prior helps where few shots are measured, a bad one is put aside", async () => {
  const other = await makeUpTable("A100");
  const prior = other.shots.map((shot) => ({
    layer: null,
    key: shotKey(shot),
    timeUs: other.timeUs(shot),
  }));
  const nonsense = prior.map((row, i) => ({ ...row, timeUs: prior[(i * 7919) % prior.length]!.timeUs }));
  const p90 = async (rows?: readonly Row[]): Promise<number> => {
    const options = rows === undefined ? {} : { prior: [{ rows, kernel: other.kernel }] };
    return quantile(errorsOf((await adapt({ shots: 0.06, seed: 1, ...options })).rows), 0.9);
  };
  const without = await p90();
  const withGood = await p90(prior);
  const withBad = await p90(nonsense);
  assert.ok(withGood < 0.8 * without, `${withGood} with, ${without} without`);
  assert.ok(withBad < 1.1 * without, `${withBad} with nonsense, ${without} without`);
});

Deno.test("adaptAttention: predicts nothing when hardly a shot gives a time", () =>
  assert.rejects(
    adaptAttention(shots, kernel, (next) => Promise.resolve(next.map((_, i) => i < 3 ? 10 : null)), {
      shots: 0.1,
    }),
    new UsageError(
      "Cannot predict the other shots: 3 of the 68 that were fired gave a time; measure all of them",
    ),
  ));

for (
  const [options, message] of [
    [{ shots: 0 }, "Cannot choose shots: shots must be a share above 0 and up to 1, got 0"],
    [{ error: -0.01 }, "Cannot choose shots: error must be a share from 0 up to 1, got -0.01"],
    [{ shots: 0.01 }, "Cannot choose shots: at least 100 must be measured to predict others, got 23 of 2253"],
    [{ shots: 1.5 }, "Cannot choose shots: shots must be a share above 0 and up to 1, got 1.5"],
    [{ error: 1 }, "Cannot choose shots: error must be a share from 0 up to 1, got 1"],
    [{ error: NaN }, "Cannot choose shots: error must be a share from 0 up to 1, got NaN"],
  ] as const
) {
  Deno.test(`adaptAttention: refuses ${JSON.stringify(options)}`, () =>
    assert.rejects(adapt(options), new UsageError(message)));
}

Deno.test("attentionRounds: an answer that ends early ends the design; what is not answered is predicted", () => {
  const rounds = attentionRounds(shots, kernel);
  const first = rounds.next();
  assert.ok(!first.done);
  const second = rounds.next(first.value.shots.map(timeUs));
  assert.ok(!second.done);
  assert.equal(second.value.found?.().rows.length, shots.length);
  const last = rounds.next(second.value.shots.slice(0, 5).map(timeUs));
  assert.ok(last.done);
  assert.equal(last.value.estimated.length, shots.length - first.value.shots.length - 5);
});

Deno.test("adaptAttention: what was measured before is no prediction in the end", async () => {
  const known = new Set(shots.slice(0, 500));
  const { rows, estimated, errors } = await adapt({
    shots: 0.1,
    known: (shot) => known.has(shot) ? timeUs(shot) : null,
  });
  const alone = await adapt({ shots: 0.1 });
  const listed = new Set(estimated.map(({ key }) => key.join()));
  for (const shot of known) assert.ok(!listed.has(shotKey(shot).join()));
  assert.equal(rows.length, shots.length);
  assert.ok(estimated.length < alone.estimated.length);
  assert.ok(quantile(errorsOf(rows), 0.9) <= errors.p90.upper);
});
