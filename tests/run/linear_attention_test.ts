import assert from "node:assert/strict";
import { parseJournalLine } from "../../src/journal/line.ts";
import { openBundle } from "../../src/bundle/open.ts";
import type { Architecture } from "../../src/model/model.ts";
import { predictor } from "../../src/predict/predictor.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { linearShots } from "../../src/shots/linear_shots.ts";
import { fakeHarness, fakeTimeUs, tinyArchitecture } from "./fakes.ts";
import { textOfFile, tinyRun, withFolder } from "./tiny_run.ts";

const LIMITS = {
  max_num_batched_tokens: 16,
  max_num_seqs: 2,
  num_cache_tokens: 4096,
  max_model_len: 1024,
  num_experts: null,
  top_k: null,
  block_size: 16,
};
const SWEEP: Sweep = { category: "linear_attention", tp: 1, shots: linearShots(1, 64, LIMITS) };
const tiny = tinyArchitecture();
const RECURRENT: Architecture = {
  ...tiny,
  catalog: { ...tiny.catalog, linear_attention: { gdn: { vllm: ["X"] }, ssm: { vllm: ["Y"] } } },
};

Deno.test("a sweep of recurrent layers is journaled, resumed where it ended, and looked up by regime", () =>
  withFolder(async (dir) => {
    const fired: string[] = [];
    const run = { architecture: RECURRENT, source: { harness: fakeHarness({ fired }) } };
    let shots = 0;
    await tinyRun(dir, [SWEEP], { ...run, onEvent: ({ type }) => type === "shot" && ++shots === 2 });
    const again: string[] = [];
    await tinyRun(dir, [SWEEP], { ...run, source: { harness: fakeHarness({ fired: again }) } });
    const names = ["0,1", "0,2", "16,0", "16,1"].map((key) => `linear_attention tp1 ${key}`);
    assert.deepEqual(again, names.slice(2));
    const lines = (await textOfFile(dir, "journal.jsonl")).trimEnd().split("\n").map(parseJournalLine);
    const journaled = lines.flatMap((line) =>
      line !== null && typeof line === "object" && line.type === "shot" ? [line] : []
    );
    assert.deepEqual(journaled.map(({ category, tp, key }) => `${category} tp${tp} ${key}`), names);
    assert.deepEqual(Object.keys(journaled[0]!.samples), ["gdn", "ssm"]);

    const rows = ["gdn", "ssm"].flatMap((layer) =>
      SWEEP.shots.map((shot) => {
        const { prefill_tokens, n_decode } = shot as Extract<typeof shot, { category: "linear_attention" }>;
        return `${layer},${prefill_tokens},${n_decode},${fakeTimeUs(shot, layer)}`;
      })
    );
    const text = await textOfFile(dir, "tp1/linear_attention.csv");
    assert.equal(text, ["layer,prefill_tokens,n_decode,time_us", ...rows, ""].join("\n"));
    await Deno.writeTextFile(`${dir}/meta.yaml`, "hardware: X\n");
    const lookup = predictor(await openBundle(dir), { simulator: "v1.2" });
    for (const shot of SWEEP.shots) {
      if (shot.category !== "linear_attention") continue;
      const { prefill_tokens: prefillTokens, n_decode: nDecode } = shot;
      const ns = lookup.linearAttention(1, "gdn", { prefillTokens, nDecode });
      assert.equal(ns, Math.trunc(fakeTimeUs(shot, "gdn") * 1000 + 1e-6));
    }
  }));
