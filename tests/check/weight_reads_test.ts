import assert from "node:assert/strict";
import { checkWeightReads, readFrom } from "../../src/check/weight_reads.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { Row } from "../../src/bundle/tables.ts";
import type { Category } from "../../src/shots/shot.ts";

async function findings(
  meta: Record<string, string>,
  tp: number,
  tables: Readonly<Partial<Record<Category, readonly Row[]>>>,
): Promise<string[]> {
  const from = await readFrom({ dtype: "bfloat16", ...meta });
  assert(from !== null);
  const table = (_: number, category: Category): readonly Row[] => tables[category] ?? [];
  return checkWeightReads({ dir: ".", tps: [tp], table }, from).map(renderIssue);
}

const row = (layer: string | null, key: number[], timeUs: number): Row => ({ layer, key, timeUs });
const LLAMA = { model: "meta-llama/Llama-3.1-8B", hardware: "RTXPRO6000" };

Deno.test("checkWeightReads warns of a layer that is faster than its weights can be read, naming them and the cache", async () => {
  const dense = [row("gate_up_proj", [1], 12), row("gate_up_proj", [2], 20), row("gate_up_proj", [64], 40)];
  assert.deepEqual(await findings(LLAMA, 4, { dense }), [
    "warning: tp4/dense.csv, key time_us: gate_up_proj: The time is too short to read the weights from memory, as " +
    "if they had been in the cache of 128 MiB, in 2 rows; expected at least 36.8 us for 58.7 MB at 1597 GB/s, found " +
    "12 us at tokens 1",
  ]);
});

Deno.test("checkWeightReads knows logits and experts", async () => {
  const found = await findings({ model: "mistralai/Mixtral-8x7B-v0.1", hardware: "H100" }, 1, {
    per_sequence: [row("lm_head", [1], 60), row("lm_head", [2], 90), row("sampler", [1], 1)],
    moe: [row(null, [16, 8], 500), row(null, [16, 2], 250)],
  });
  assert.equal(found.length, 2);
  assert.match(found[0]!, /lm_head: .* in 1 row; expected at least 78\.3 us for 262\.1 MB .* found 60 us/);
  assert.match(found[1]!, /moe: .* in 1 row; expected at least 841\.4 us for 2818\.6 MB/);
});

const QUIET: Record<string, Row[]> = {
  "times that memory allows": [row("gate_up_proj", [1], 38)],
  "times within the margin of a sheet": [row("gate_up_proj", [1], 34)],
  "layers without weights": [row("layernorm", [1], 0.1), row("embedding", [1], 0.1)],
  "layers that it does not know": [row("mystery", [1], 0.1)],
};
for (const [name, dense] of Object.entries(QUIET)) {
  Deno.test(`checkWeightReads has nothing to say about ${name}`, async () => {
    assert.deepEqual(await findings(LLAMA, 4, { dense }), []);
  });
}

for (
  const [what, meta] of [
    ["the hardware has no sheet", { ...LLAMA, hardware: "ABACUS" }],
    ["the model has no configuration", { ...LLAMA, model: "nobody/nothing" }],
    ["the weights have an unknown type", { ...LLAMA, dtype: "int3" }],
    ["meta.yaml says neither", {}],
  ] as const
) {
  Deno.test(`the check is left out where ${what}`, async () => assert.equal(await readFrom(meta), null));
}

Deno.test("checkWeightReads names the first of two rows that are equally fast, and the one that is farthest below", async () => {
  const placeOf = async (...rows: [tokens: number, timeUs: number][]): Promise<string> => {
    const dense = rows.map(([tokens, timeUs]) => row("gate_up_proj", [tokens], timeUs));
    return (await findings(LLAMA, 4, { dense }))[0]!.split("found ")[1]!;
  };
  assert.equal(await placeOf([1, 12], [2, 12]), "12 us at tokens 1");
  assert.equal(await placeOf([2, 20], [1, 12], [4, 16]), "12 us at tokens 1");
});

Deno.test("checkWeightReads asks for all weights once, however many tokens there are and however large the cache is", async () => {
  const from = (await readFrom({ dtype: "bfloat16", ...LLAMA }))!;
  for (const tokens of [1, 64, 4096]) {
    for (const l2_mib of [0, 128, 4096]) {
      const dense = [row("gate_up_proj", [tokens], 60)];
      const table = (_: number, category: Category): readonly Row[] => category === "dense" ? dense : [];
      const [issue] = checkWeightReads({ dir: ".", tps: [1], table }, {
        ...from,
        sheet: { ...from.sheet, l2_mib },
      });
      // 4096 hidden numbers to 2 x 14336, of two bytes each.
      assert.match(renderIssue(issue!), /at least 147\.1 us for 234\.9 MB at 1597 GB\/s/);
    }
  }
});
