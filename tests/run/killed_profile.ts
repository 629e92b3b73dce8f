/** A profile in a process of its own that is killed, as often as a test wants. */
import { fileURLToPath } from "node:url";
import type { SettingsInput } from "../../src/settings.ts";
import { journaledShots, smallBundle } from "./small_model.ts";

/** How a profile is killed. */
export interface KillOptions {
  /** Folder of the bundles. */
  readonly perfDir: string;
  /** The harness, as settings name it. */
  readonly harness: string;
  /** Settings that differ from the small model's. */
  readonly input?: Partial<SettingsInput>;
  /** How often it is killed. */
  readonly kills: number;
  /** Longest time from the first shot to the kill, in milliseconds. */
  readonly longestMs: number;
}

/** Profiles the small model and kills it again and again; returns the shots that were journaled after each kill. */
export async function profileAndKill(options: KillOptions): Promise<number[]> {
  const { perfDir, kills, longestMs } = options;
  const random = numbers(20_260_101);
  const measured: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await killOne(options, longestMs * random.next().value);
    measured.push((await journaledShots(smallBundle(perfDir))).size);
  }
  return measured;
}

async function killOne({ perfDir, harness, input = {} }: KillOptions, afterMs: number): Promise<void> {
  const script = fileURLToPath(new URL("profile_child.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", script, perfDir, harness, JSON.stringify(input)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // It was through before.
  }
  await reader.cancel();
  await child.status;
}

/** Numbers from 0 to 1 that look random and are the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed;;) yield (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}
