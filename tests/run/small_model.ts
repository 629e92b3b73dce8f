/** Settings of a profile that takes a blink, and its recording for replays. */
import { openBundle } from "../../src/bundle/open.ts";
import { profile } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import { CATEGORY_ORDER } from "../../src/shots/shot.ts";
import { fakeHarness } from "./fakes.ts";

/** A small grid of a small model, at two degrees. */
export const SMALL: SettingsInput = {
  model: "Qwen/Qwen3-0.6B",
  hardware: "TEST",
  tpDegrees: [1, 2],
  maxNumBatchedTokens: 64,
  maxNumSeqs: 8,
  attentionMaxKv: 256,
  attentionChunkFactor: 4,
  attentionKvFactor: 4,
  measurementIterations: 3,
  sentinelS: 0,
};

/** The folder of the small profile's bundle. */
export function smallBundle(perfDir: string): string {
  return `${perfDir}/TEST/Qwen/Qwen3-0.6B/bf16`;
}

/** Profiles the small model with the fake harness, and returns its bundle's folder. */
export async function recordSmall(perfDir: string): Promise<string> {
  await profile({ ...SMALL, perfDir }, { open: () => Promise.resolve(fakeHarness()) });
  return smallBundle(perfDir);
}

/** All rows of a bundle, as texts. */
export async function rowsOfBundle(dir: string): Promise<string[]> {
  const bundle = await openBundle(dir);
  return bundle.tps.flatMap((tp) => [
    ...CATEGORY_ORDER.flatMap((category) =>
      bundle.shots(tp, category).map((row) =>
        `tp${tp} ${category} ${row.layer} ${row.key.join()} ${row.timeUs}`
      )
    ),
    ...bundle.skew(tp).map((row) => `tp${tp} skew ${Object.values(row).join()}`),
    ...bundle.skewFit(tp).map((row) => `tp${tp} skew_fit ${Object.values(row).join()}`),
  ]);
}

/** How often each shot stands in a journal as measured. */
export async function journaledShots(dir: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const text of (await Deno.readTextFile(`${dir}/journal.jsonl`)).split("\n").slice(0, -1)) {
    const line = JSON.parse(text);
    if (line.type !== "shot") continue;
    const shot = `${line.category} tp${line.tp} ${line.key.join()}`;
    counts.set(shot, (counts.get(shot) ?? 0) + 1);
  }
  return counts;
}
