import assert from "node:assert/strict";
import { profile } from "../../src/run/profile.ts";
import { profileAndKill } from "./killed_profile.ts";
import { journaledShots, recordSmall, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { withFolder } from "./tiny_run.ts";

Deno.test("a profile that is killed again and again ends as an undisturbed one, no shot fired twice", () =>
  withFolder(async (dir) => {
    const harness = `replay:${await recordSmall(`${dir}/recorded`)}?noise=0.05`;
    await profile({ ...SMALL, perfDir: `${dir}/undisturbed`, harness });
    const perfDir = `${dir}/killed`;
    const measured = await profileAndKill({
      perfDir,
      harness: `${harness}&delay_ms=2`,
      kills: 5,
      longestMs: 120,
    });
    await profile({ ...SMALL, perfDir, harness });
    const bundle = smallBundle(perfDir);
    const counts = await journaledShots(bundle);
    assert.deepEqual(measured, measured.toSorted((a, b) => a - b), "a kill loses nothing that was measured");
    assert.ok(measured.at(-1)! < counts.size, "the last kill came before the end");
    assert.deepEqual(await rowsOfBundle(bundle), await rowsOfBundle(smallBundle(`${dir}/undisturbed`)));
    assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
  }));

Deno.test("a profile with vLLM that is killed and resumed measures every shot once", {
  // Minutes on a small machine: the engine boots for every kill and degree.
  ignore: Deno.env.get("SHOTLAB_SLOW_TESTS") !== "1",
}, () =>
  withFolder(async (dir) => {
    const harness = "vllm";
    const measured = await profileAndKill({ perfDir: dir, harness, kills: 3, longestMs: 5000 });
    const before = new Set(await journaledSamples(dir));
    const fired: string[] = [];
    await profile({ ...SMALL, perfDir: dir, harness }, {
      onEvent: (event) =>
        void (event.type === "shot" && fired.push(`${event.category} tp${event.tp} ${event.key}`)),
    });
    const counts = await journaledShots(smallBundle(dir));
    assert.deepEqual(measured, measured.toSorted((a, b) => a - b), "a kill loses nothing that was measured");
    assert.equal(fired.length + measured.at(-1)!, counts.size);
    assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
    for (const line of await journaledSamples(dir)) before.delete(line);
    assert.deepEqual([...before], [], "what was measured before the kills stands");
  }));

async function journaledSamples(perfDir: string): Promise<string[]> {
  return (await Deno.readTextFile(`${smallBundle(perfDir)}/journal.jsonl`)).split("\n").slice(0, -1)
    .filter((line) => line.startsWith('{"type":"shot"'));
}
