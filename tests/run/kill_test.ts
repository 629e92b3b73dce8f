import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { profile } from "../../src/run/profile.ts";
import { journaledShots, recordSmall, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { withFolder } from "./tiny_run.ts";

const KILLS = 8;
const LONGEST_MS = 120;

/** Profiles in a child process and kills it some time after its first shot. */
async function profileAndKill(perfDir: string, harness: string, afterMs: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      fileURLToPath(new URL("profile_child.ts", import.meta.url)),
      perfDir,
      harness,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill("SIGKILL");
  await reader.cancel();
  await child.status;
}

/** Numbers from 0 to 1 that look random and are the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed;;) yield (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}

Deno.test("a profile that is killed again and again ends as an undisturbed one, no shot fired twice", () =>
  withFolder(async (dir) => {
    const recorded = await recordSmall(`${dir}/recorded`);
    const harness = `replay:${recorded}?noise=0.05`;
    await profile({ ...SMALL, perfDir: `${dir}/undisturbed`, harness });
    const perfDir = `${dir}/killed`;
    const bundle = smallBundle(perfDir);
    const random = numbers(20_260_101);
    const measured: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await profileAndKill(perfDir, `${harness}&delay_ms=2`, LONGEST_MS * random.next().value);
      measured.push((await journaledShots(bundle)).size);
    }
    assert.deepEqual(measured, measured.toSorted((a, b) => a - b), "a kill loses nothing that was measured");
    await profile({ ...SMALL, perfDir, harness });
    assert.ok(measured.at(-1)! < (await journaledShots(bundle)).size, "the last kill came before the end");
    assert.deepEqual(await rowsOfBundle(bundle), await rowsOfBundle(smallBundle(`${dir}/undisturbed`)));
    const twice = [...await journaledShots(bundle)].filter(([, count]) => count > 1);
    assert.deepEqual(twice, []);
  }));
