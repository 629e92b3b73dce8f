import assert from "node:assert/strict";
import { formatJson, keepNumbers, parseJson, pickKeeping } from "../../src/files/json.ts";
import { encode } from "../../src/harness/protocol.ts";
import { parseJournalLine } from "../../src/journal/line.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import { resolveSettings } from "../../src/settings.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { seeded } from "../fuzz/mutate.ts";

const NUMBERS = [
  "2.0",
  "-0.0",
  "-0",
  "1e6",
  "1E-05",
  "5e5",
  "0.10",
  "9007199254740993",
  "-123456789012345678901",
];

Deno.test("parseJson and formatJson: every number is written as it was, at any depth", () => {
  for (const number of [...NUMBERS, "7", "0.5"]) {
    const text = `{"a":${number},"list":[1,${number},[{"deep":${number}}]],"other":1}`;
    assert.equal(formatJson(parseJson(text)), text);
    assert.deepEqual(parseJson(text), JSON.parse(text));
  }
});

Deno.test("formatJson: a number that was changed is written as it is now, also in a copy", () => {
  const original = parseJson('{"a":2.0,"b":3.0}') as Record<string, number>;
  assert.equal(formatJson(keepNumbers({ ...original, a: 4 }, original)), '{"a":4,"b":3.0}');
  assert.equal(formatJson({ ...original }), '{"a":2,"b":3}');
  assert.equal(formatJson(pickKeeping(parseJson("[1.0,2,3.0]") as unknown[], [2, 1, 2])), "[3.0,2,3.0]");
});

Deno.test("parseJson: 300 seeded texts come out as they went in", () => {
  for (let seed = 0; seed < 300; seed++) {
    const draw = seeded(seed);
    const value = (depth: number): string => {
      const kind = draw(depth > 3 ? 2 : 4);
      if (kind === 2) return `[${Array.from({ length: draw(4) }, () => value(depth + 1))}]`;
      if (kind === 3) return `{${Array.from({ length: draw(4) }, (_, i) => `"k${i}":${value(depth + 1)}`)}}`;
      return kind === 0 ? NUMBERS[draw(NUMBERS.length)]! : String(draw(1000) / 8);
    };
    const text = `[${value(0)}]`;
    assert.equal(formatJson(parseJson(text)), text, `seed ${seed}`);
  }
});

Deno.test("a model's numbers stay what they are on every way to an engine: live, plan, journal, both degrees", async () => {
  const configDir = await Deno.makeTempDir();
  for (const [from, to] of [["architecture", "architecture"], ["hardware", "hardware"]]) {
    await Deno.symlink(new URL(`../../configs/${from}`, import.meta.url).pathname, `${configDir}/${to}`);
  }
  await Deno.mkdir(`${configDir}/model/o`, { recursive: true });
  const odd = '"rope_scaling":{"rope_type":"linear","factor":2.0,"long_factor":[1.0,2,1e1]},' +
    '"rope_theta":1e6,"rms_norm_eps":1.0,"some_id":9007199254740993,"by_layer":[1.0,1.0]';
  const sizes = '"hidden_size":256,"intermediate_size":512,"num_attention_heads":4,"num_key_value_heads":2,' +
    '"num_hidden_layers":2,"vocab_size":1000,"max_position_embeddings":2048,"torch_dtype":"bfloat16"';
  await Deno.writeTextFile(`${configDir}/model/o/m.json`, `{"model_type":"llama",${sizes},${odd}}`);
  const model = await loadModel("o/m", { configDir, download: false });
  const settings = resolveSettings({ model: "o/m", hardware: "H100", tpDegrees: [1, 2], configDir });
  const sweeps = [1, 2].map((tp) => ({
    ...{ category: "dense", tp } as const,
    shots: [{ category: "dense", tp, tokens: 16 } as const],
  }));
  const [line = ""] = formatPlan(planHeader(settings, model, sweeps), sweeps);
  const { header } = parsePlan([line]);
  const journal = formatJson({
    ...{
      type: "plan",
      format: 2,
      id: "1",
      started: "2026-03-01T09:30:00Z",
      quantity: "kernel",
      plan: header,
    },
  });
  const read = parseJournalLine(journal) as unknown as { plan: typeof header };
  for (const tp of [1, 2]) {
    for (const config of [shardConfig(model.config, tp), header.configs[tp]!, read.plan.configs[tp]!]) {
      const sent = encode({ type: "boot", config, tp } as unknown as Parameters<typeof encode>[0]);
      for (const part of odd.replace("[1.0,1.0]", "[1.0]").split(/,(?=")/)) {
        assert.ok(sent.includes(part), part);
      }
    }
  }
  await Deno.remove(configDir, { recursive: true });
});
