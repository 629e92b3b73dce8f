import assert from "node:assert/strict";
import { z } from "zod";
import { resolveSettings } from "../../src/settings.ts";
import { fromPlanned, journalSettings, PLANNED_SHAPE, toPlanned } from "../../src/settings/recorded.ts";
import { OPTIONS, SETTINGS, type Settings } from "../../src/settings/table.ts";
import { REQUIRED } from "./required.ts";

const settings = resolveSettings(REQUIRED);

Deno.test("the settings are documented alike for editors and for the command line", async () => {
  const table = await Deno.readTextFile(new URL("../../src/settings/table.ts", import.meta.url));
  for (const option of OPTIONS) {
    assert(table.includes(`  /** ${SETTINGS[option].doc}. */\n  ${option}: {`), option);
  }
});

Deno.test("the journal records the settings that shape a measurement and have a value", () => {
  assert.deepEqual(journalSettings(settings), {
    tpDegrees: [1, 2, 4],
    maxNumBatchedTokens: 2048,
    maxNumSeqs: 256,
    attentionMaxKv: 16384,
    attentionChunkFactor: 2,
    attentionKvFactor: 2,
    skewMode: "interpolated",
    skewNFactor: 2,
    skewPcFactor: 2,
    skewKpFactor: 2,
    skewKvsFactor: 2,
    measurementIterations: 3,
    parity: false,
    seed: 0,
    sentinelS: 30,
  });
  const said = {
    revision: "main",
    adaptive: { shots: 0.2 },
    budget: 60,
    prior: "perf/a",
    precision: { relative: 0.01, min: 3, max: 30 },
  };
  assert.deepEqual(journalSettings({ ...settings, ...said }), { ...journalSettings(settings), ...said });
  assert.deepEqual(
    Object.keys(journalSettings({ ...settings, skipSkew: true })).filter((name) => name.startsWith("skew")),
    [],
  );
});

Deno.test("the journal and a plan record what shapes the grid of v1.2 and the clock; of the grid of August they say nothing", () => {
  const said: Partial<Settings> = {
    ...{ grid: "v1.2" as const, decodeQLens: [1, 4], epDegrees: [1, 2], attentionNFactor: 4, clock: 1545 },
    ...{ quantity: "wall" as const, sustainS: 1, sustainShots: "all" as const, driftShare: 0.1 },
    acceptSpeed: true,
  };
  const newer = resolveSettings({ ...REQUIRED, ...said });
  const shared = {
    tpDegrees: [1, 2, 4],
    ...{ maxNumBatchedTokens: 2048, maxNumSeqs: 256, attentionMaxKv: 2 ** 24, grid: "v1.2" },
    ...{ attentionChunkFactor: Math.SQRT2, attentionKvFactor: Math.SQRT2, attentionNFactor: 4 },
    ...{ decodeQLens: [1, 4], epDegrees: [1, 2], parity: false },
    ...{ skewMode: "interpolated", skewNFactor: 2, skewPcFactor: 2, skewKpFactor: 2, skewKvsFactor: 2 },
    ...{ measurementIterations: 3, clock: 1545, seed: 0 },
  };
  assert.deepEqual(journalSettings(newer), { ...shared, sentinelS: 30 });
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const planned = { ...shared, quantity: "wall", precision: null };
  assert.deepEqual(
    toPlanned(newer),
    Object.fromEntries(Object.entries(planned).map(([name, value]) => [snake(name), value])),
  );
  const august = { ...settings, clock: 1545 };
  const names = ["grid", "attentionNFactor", "decodeQLens", "epDegrees"];
  assert.deepEqual(names.filter((name) => name in journalSettings(august)), []);
  assert.deepEqual(names.filter((name) => snake(name) in toPlanned(august)), []);
});

Deno.test("the journal and a plan record the step of dense where it is not 16", () => {
  for (const grid of ["august", "v1.2", "both"] as const) {
    const usual = resolveSettings({ ...REQUIRED, grid });
    const finer = resolveSettings({ ...REQUIRED, grid, denseStep: 4 });
    assert.ok(!("denseStep" in journalSettings(usual)) && !("dense_step" in toPlanned(usual)));
    assert.deepEqual(journalSettings(finer), { ...journalSettings(usual), denseStep: 4 });
    assert.deepEqual(toPlanned(finer), { ...toPlanned(usual), dense_step: 4 });
    assert.equal(fromPlanned(toPlanned(usual)).denseStep, 16);
    assert.equal(fromPlanned(toPlanned(finer)).denseStep, 4);
  }
});

Deno.test("a plan's record of settings gives them back, and is checked by the rule of each", () => {
  const recorded = toPlanned(settings);
  const schema = z.strictObject(PLANNED_SHAPE);
  assert.deepEqual(schema.parse(JSON.parse(JSON.stringify(recorded))), recorded);
  assert.deepEqual({ ...settings, ...fromPlanned(recorded) }, settings);
  for (
    const [name, value, message] of [
      ["max_num_seqs", 0, "expected an integer of at least 1"],
      ["max_num_seqs", undefined, "expected an integer of at least 1"],
      ["attention_kv_factor", 1, "expected a number above 1"],
      ["skew_mode", "exactly", "expected interpolated or exact"],
      ["parity", "1", "must be true or false"],
    ] as const
  ) {
    const { error } = schema.safeParse({ ...recorded, [name]: value });
    assert.deepEqual(error?.issues.map(({ path, message }) => [path, message]), [[[name], message]]);
  }
});
