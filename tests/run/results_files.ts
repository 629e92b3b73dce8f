/** Plans of the small model, fired into results files, and the bundles that are made of them. */
import { parseMeta } from "../../src/bundle/meta.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { RunEvent } from "../../src/events.ts";
import { firePlan } from "../../src/run/fire_plan.ts";
import { profile } from "../../src/run/profile.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { planSweeps } from "../../src/shots/plan_sweeps.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { textOfFile } from "./tiny_run.ts";

/** Opens fakes. */
export function open(fake: FakeOptions = {}): () => Promise<ReturnType<typeof fakeHarness>> {
  return () => Promise.resolve(fakeHarness(fake));
}

/** The plan of the small model on the fake harness, as a file's lines. */
export async function planLines(input: Partial<SettingsInput> = {}): Promise<string[]> {
  const settings = resolveSettings({ ...SMALL, ...input });
  const model = await loadModel(settings.model, settings);
  const limits = {
    max_num_batched_tokens: settings.maxNumBatchedTokens,
    max_num_seqs: settings.maxNumSeqs,
    num_cache_tokens: 1_000_000,
    max_model_len: 100_000,
    num_experts: null,
    top_k: null,
    block_size: 16,
  };
  const { architecture } = model;
  const sweeps = settings.tpDegrees.flatMap((tp) => planSweeps({ ...settings, architecture, limits, tp }));
  return [...formatPlan(planHeader(settings, model, sweeps), sweeps)];
}

export async function fire(
  lines: readonly string[],
  path: string,
  fake: FakeOptions = {},
  input: Partial<SettingsInput> = {},
): Promise<RunEvent[]> {
  const settings = resolveSettings({ ...SMALL, ...input });
  return await Array.fromAsync(firePlan(parsePlan(lines), path, settings, { open: open(fake) }));
}

/** The files of a bundle; meta.yaml without what two runs never share, the journal left out. */
export async function filesOf(dir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const { profiled_at: _, duration_s: __, ...meta } = parseMeta(
    await textOfFile(dir, "meta.yaml"),
    "meta.yaml",
  );
  files["meta.yaml"] = JSON.stringify(meta, null, 1);
  for (const { name: tp } of [...Deno.readDirSync(dir)].filter(({ isDirectory }) => isDirectory)) {
    for (const { name } of Deno.readDirSync(`${dir}/${tp}`)) {
      files[`${tp}/${name}`] = await textOfFile(dir, `${tp}/${name}`);
    }
  }
  return Object.fromEntries(Object.entries(files).sort());
}

export async function liveFiles(
  perfDir: string,
  input: Partial<SettingsInput> = {},
  fake: FakeOptions = {},
): Promise<
  Record<string, string>
> {
  await profile({ ...SMALL, perfDir, ...input }, { open: open(fake) });
  return await filesOf(smallBundle(perfDir));
}
