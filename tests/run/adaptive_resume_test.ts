/** What an adaptive run leaves is taken up by the next one, adaptive or not. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import { profile } from "../../src/run/profile.ts";
import { profileEvents } from "../../src/run/profile_events.ts";
import { resolveSettings } from "../../src/settings.ts";
import { FIFTH, GRID, recordGrid, runGrid } from "./adaptive_grid.ts";
import { profileAndKill } from "./killed_profile.ts";
import { journaledShots, rowsOfBundle, smallBundle } from "./small_model.ts";
import { only, textOfFile, withFolder } from "./tiny_run.ts";

Deno.test("a plain run after an adaptive one fires what was predicted, and ends as a full one", () =>
  withFolder(async (dir) => {
    const truth = await recordGrid(dir);
    const harness = `replay:${truth}?noise=0.02`;
    await runGrid(`${dir}/plain`, truth, { harness });
    await runGrid(dir, truth, { ...FIFTH, harness });
    const before = (await journaledShots(smallBundle(dir))).size;
    const events = await runGrid(dir, truth, { harness });
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
    await runGrid(dir, truth, { ...FIFTH, skipSkew: true });
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
