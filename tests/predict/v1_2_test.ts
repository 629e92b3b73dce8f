import assert from "node:assert/strict";
import { stringify } from "yaml";
import { readSkewCells } from "../../src/bundle/skew_cells.ts";
import { kernelRows, readWholeTable } from "../../src/bundle/whole_table.ts";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { decoderBlock, keySaturation } from "../../src/model/blocks.ts";
import { layerKinds } from "../../src/model/kinds.ts";
import type { Prefill } from "../../src/predict/batch.ts";
import {
  calibratedAlpha,
  type CalibrationTable,
  kernelName,
  makeCalibration,
} from "../../src/predict/calibration.ts";
import { predictDraftPass, predictIteration } from "../../src/predict/iteration.ts";
import { LookupError } from "../../src/predict/lookup_error.ts";
import { prefillKey } from "../../src/predict/prefill_key.ts";
import { type Predictor, predictor } from "../../src/predict/predictor.ts";
import { expertLoad } from "../../src/predict/routing.ts";
import { readVectors } from "./vectors.ts";
import { type BundleVectors, type Files, newerSource, type SyntheticVectors } from "./v1_2_vectors.ts";

const SYNTHETIC = readVectors<SyntheticVectors>("lookup-synthetic-v1.2.json.gz");
const H100 = readVectors<BundleVectors>("lookup-h100-qwen3-30b-v1.2.json.gz");
const H100_FILES = readVectors<Files>("bundle-h100-qwen3-30b.json.gz");
const ARCHITECTURE = parseArchitecture(stringify(SYNTHETIC.architecture), "syn.yaml");

const DECODE = { chunk: 0, prefillKey: 0, nDecode: 1, kvDecode: 16 };

function prefillsOf(pairs: readonly (readonly [number, number])[]): Prefill[] {
  return pairs.map(([chunk, history]) => ({ chunk, history }));
}

function ask(
  made: Predictor,
  table: string,
  query: readonly (string | number)[],
): number | null {
  const [first, second, ...rest] = query as [never, never, ...never[]];
  switch (table) {
    case "dense":
      return made.dense(second, first, rest[0]!);
    case "per_sequence":
      return made.perSequence(second, first, rest[0]!);
    case "mtp":
      return made.mtp(second, first, rest[0]!);
    case "linear_attention":
      return made.linearAttention(second, first, { prefillTokens: rest[0]!, nDecode: rest[1]! });
    case "attention":
      return made.kernelAttention(second, {
        layer: first,
        decodeQLen: rest[0]!,
        chunk: rest[1]!,
        prefillKey: rest[2]!,
        nDecode: rest[3]!,
        kvDecode: rest[4]!,
      });
    default:
      return made.moe({ ep: first, tokens: second, activatedExperts: rest[0]! });
  }
}

for (const table of ["dense", "per_sequence", "attention", "moe", "linear_attention", "mtp"]) {
  Deno.test(`predictor answers as v1.2 does from ${table}.csv`, () => {
    const made = predictor(newerSource(SYNTHETIC.files), { simulator: "v1.2", architecture: ARCHITECTURE });
    const cases = SYNTHETIC.cases.filter(([of]) => of === table);
    assert.ok(cases.length >= 40);
    for (const [, query, ns] of cases) assert.equal(ask(made, table, query), ns, query.join());
  });
}

Deno.test("prefillKey weighs the places of the prefills by their tokens, cut to what the attention reads", () => {
  const { rows } = SYNTHETIC.prefill_key;
  const bound = keySaturation(SYNTHETIC.model_config);
  for (const [pairs, key, capped] of rows) {
    const prefills = prefillsOf(pairs);
    assert.deepEqual(
      [prefillKey(prefills), prefillKey(prefills, bound)],
      [key, capped],
      JSON.stringify(prefills),
    );
  }
});

Deno.test("the layers of the made-up model are walked as v1.2 walks them", () => {
  const kinds = layerKinds({ id: "x/y", config: SYNTHETIC.model_config });
  assert.equal(kinds.length, SYNTHETIC.sequence.length);
  for (const [layer, kind] of kinds.entries()) {
    const { pre_attn, post_attn, mlp } = SYNTHETIC.sequence[layer]!;
    assert.deepEqual(decoderBlock(ARCHITECTURE, kind), { pre_attn, post_attn, mlp });
  }
});

Deno.test("calibratedAlpha looks alphas up as v1.2 does", () => {
  const { table, lookup } = SYNTHETIC.calibration;
  const cells = Object.entries(table.slices).flatMap(
    ([slice, { anchors, alpha, direct_rows, pooled_rows }]) => {
      const [layer = "", q = "", pc_label = "", lev_label = ""] = slice.split("|");
      return anchors.map((n_anchor, i) => ({
        layer,
        decode_q_len: Number(q.slice(2)),
        pc_label,
        lev_label,
        n_anchor,
        alpha: alpha[i]!,
        direct_rows: direct_rows[i]!,
        pooled_rows: pooled_rows[i]!,
      }));
    },
  );
  const made = makeCalibration(table, cells);
  for (const [kernel, n, pc, lev, alpha] of lookup.rows) {
    assert.equal(
      alphaIn(made, kernelName(kernel, 1), n, pc, lev),
      alpha,
      `${kernel} ${n} ${pc} ${lev}`,
    );
  }
});

/** v1.2 does not correct a kernel that was not fitted. */
function alphaIn(table: CalibrationTable, kernel: string, n: number, pc: number, lev: number): number {
  const own = table.get(kernel);
  return own === undefined ? 0 : calibratedAlpha(own, n, pc, lev);
}

interface Published {
  readonly skew_fit: {
    readonly csv: string;
    readonly summary: Parameters<typeof makeCalibration>[0];
    readonly rows: readonly (readonly [string, number, number, number, number, number])[];
  };
  readonly moe: {
    readonly csv: string;
    readonly rows: readonly (readonly [number, number, number, number, number])[];
  };
}

Deno.test("published tables of v1.2 answer as they do there", () => {
  const { skew_fit, moe } = readVectors<Published>("published-v1.2.json.gz");
  const { rows, issues } = readSkewCells(skew_fit.csv, "skew_fit.csv");
  assert.deepEqual(issues, []);
  const alphas = makeCalibration(skew_fit.summary, rows);
  for (const [layer, q, n, pc, lev, alpha] of skew_fit.rows) {
    assert.equal(
      alphaIn(alphas, kernelName(layer, q), n, pc, lev),
      alpha,
      `${layer} ${q} ${n} ${pc} ${lev}`,
    );
  }
  const experts = predictor({
    tps: [1],
    meta: {},
    table: () => [],
    skewFit: () => [],
    kernels: (_, table) =>
      kernelRows("moe", readWholeTable("moe", table === "moe" ? moe.csv : "", "moe.csv")),
  }, { simulator: "v1.2" });
  for (const [ep, tokens, activated, balanced, ns] of moe.rows) {
    const load = expertLoad("v1.2", { numExperts: 128, topK: 8 }, { tokens, ep });
    assert.equal(load.activatedExperts, balanced, `${ep} ${tokens}`);
    assert.equal(
      experts.moe({ tokens, activatedExperts: activated, ep }),
      ns,
      `${ep} ${tokens} ${activated}`,
    );
  }
});

for (const { tp, ep, refit, layers, batches } of H100.lookups) {
  Deno.test(`an H100's bundle answers as it does in v1.2 at tp ${tp}, ep ${ep}${refit ? ", calibrated" : ""}`, async () => {
    const files = refit ? { ...H100_FILES, [`tp${tp}/skew_fit.csv`]: H100.refit.skew_fit_csv } : H100_FILES;
    const fit = refit
      ? { enabled: true, per_tp: { [tp]: { ...H100.refit.meta_entry } } }
      : { enabled: false };
    const model = await loadModel("Qwen/Qwen3-30B-A3B-Instruct-2507");
    const { architecture } = model;
    const made = predictor(newerSource(files, fit), { simulator: "v1.2", architecture });
    assert.equal(batches.length, 300);
    for (const row of batches) {
      const [
        ,
        prefillPairs,
        decodePairs,
        pc,
        key,
        n,
        mean,
        max,
        tMean,
        tMax,
        lev,
        alpha,
        activated,
        ns,
        iteration,
      ] = row;
      const batch = {
        prefills: prefillsOf(prefillPairs),
        decodes: decodePairs.map(([kv, count]) => ({ kv, count })),
      };
      const trace = made.explainBatch(tp, batch);
      const { facts } = trace;
      const about = JSON.stringify(row.slice(0, 3));
      assert.deepEqual(
        [facts.pc, trace.prefillKey, facts.n, facts.kvMean, facts.kvMax, trace.mean.ns],
        [pc, key, n, mean, max, tMean],
        about,
      );
      if (tMax !== null) assert.deepEqual([trace.max?.ns, trace.lev, trace.alpha], [tMax, lev, alpha], about);
      const { totalNs, contributions, tokens } = predictIteration(made, { model, tp, ep, ...batch });
      const byLayer = new Map(contributions.map((own) => [own.layer, own.ns]));
      // Where the vectors leave the experts out, so does their iteration.
      const left = contributions.filter(({ layer }) => ns[layers.indexOf(layer)] === null);
      assert.deepEqual(left.map(({ layer }) => layer), activated === null ? ["moe"] : []);
      assert.deepEqual(layers.map((layer, i) => ns[i] === null ? null : byLayer.get(layer)), ns, about);
      assert.equal(totalNs - left.reduce((sum, own) => sum + own.totalNs, 0), iteration, about);
      assert.equal(trace.ns, byLayer.get("attention"));
      if (activated === null) continue;
      const load = expertLoad("v1.2", { numExperts: 128, topK: 8 }, { tokens, ep });
      assert.equal(load.activatedExperts, activated, about);
    }
  });
}

Deno.test("v1.2 takes the nearest of what it has for several new tokens a decode and experts on several devices, and says so", () => {
  const told: string[] = [];
  const made = predictor(newerSource(SYNTHETIC.files), { simulator: "v1.2", notice: (it) => told.push(it) });
  const place = { chunk: 16, prefillKey: 8, nDecode: 4, decodeQLen: 2 };
  made.kernelAttention(1, { ...place, kvDecode: 16 });
  made.kernelAttention(1, { ...place, kvDecode: 64 });
  made.moe({ tokens: 4, activatedExperts: 2, ep: 3 });
  assert.deepEqual(told, [
    "No rows for attention at decode_q_len 2: those for 1 answer",
    "No rows for experts at ep 3: those for 2 answer",
  ]);
});

Deno.test("v1.2 counts alphas of an enabled fit of August as 0, and says that it refuses the bundle", () => {
  const told: string[] = [];
  const source = newerSource(SYNTHETIC.files, {
    enabled: true,
    alpha_default: 0.5,
    per_tp: { 1: { alpha_default: 0.5 } },
  });
  const made = predictor(source, { simulator: "v1.2", notice: (it) => told.push(it) });
  const trace = made.explainBatch(1, {
    prefills: [],
    decodes: [{ kv: 16, count: 2 }, { kv: 300, count: 2 }],
  });
  assert.deepEqual([trace.rule, trace.alpha, trace.ns], ["alpha==0", 0, trace.mean.ns]);
  assert.deepEqual(told, [
    "v1.2 refuses this bundle: skew_fit is enabled in the form of August. Alphas count as 0; " +
    "`shotlab fit --simulator v1.2` writes the form that it reads",
  ]);
});

Deno.test("v1.2 blends downwards on a kernel whose reading of a history is bounded", () => {
  const falling = "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
    "attention,0,0.0,2,100,1,20\nattention,0,0.0,2,300,1,10\n";
  const files = { "meta.yaml": "hardware: X\n", "tp1/attention.csv": falling };
  const fit = {
    enabled: true,
    per_tp: {
      1: {
        schema: "runtime-skew-calibration-v1",
        axes: { pc_bins: [-1, 1], pc_labels: ["pc0"], lev_bins: [0, 1], lev_labels: ["lev0"] },
        alpha_default_by_kernel: { "attention|q=1": 0.5 },
        n_range_by_kernel: { "attention|q=1": [2, 4] },
      },
    },
  };
  const made = predictor(newerSource(files, fit), { simulator: "v1.2" });
  const batch = { prefills: [], decodes: [{ kv: 100, count: 1 }, { kv: 300, count: 1 }] } as const;
  assert.equal(made.batch(1, batch), 15_000);
  assert.equal(made.explainBatch(1, batch).rule, "t_max<=t_mean");
  assert.equal(made.batch(1, batch, { saturates: true }), 12_500);
  assert.equal(made.explainBatch(1, batch, { saturates: true }).rule, "blend");
});

Deno.test("v1.2 tells what a bundle does not hold; August what it has no place for", () => {
  const newer = predictor(newerSource(SYNTHETIC.files), { simulator: "v1.2" });
  const older = predictor(newerSource(SYNTHETIC.files), { simulator: "august" });
  const asks: readonly [() => unknown, string][] = [
    [() => newer.dense(4, "a", 1), "Cannot look up dense at tp 4: the bundle holds tp 1, 2"],
    [() => newer.dense(1, "z", 1), "Cannot look up z at tp 1: tp1/dense.csv has no such layer"],
    [
      () => newer.kernelAttention(1, { ...DECODE, layer: "mla" }),
      "Cannot look up mla at tp 1: tp1/attention.csv has no rows of it",
    ],
    [
      () => newer.linearAttention(1, "g9", { prefillTokens: 16, nDecode: 0 }),
      "Cannot look up g9 at tp 1: tp1/linear_attention.csv has no rows of it",
    ],
    [() => older.mtp(1, "m", 4), "Cannot look up m of mtp.csv: only v1.2 does"],
    [
      () => older.linearAttention(1, "g1", { prefillTokens: 4, nDecode: 0 }),
      "Cannot look up g1 of linear_attention.csv: only v1.2 does",
    ],
    [
      () => older.kernelAttention(1, { ...DECODE, layer: "indexer" }),
      "Cannot look up indexer by prefill_key: only v1.2 does",
    ],
  ];
  for (const [query, message] of asks) {
    assert.throws(query, (error) => error instanceof LookupError && error.message === message);
  }
});

Deno.test("predictIteration walks layers of several kinds; kernels that a batch does not run add nothing", () => {
  const model = { id: "x/y", config: SYNTHETIC.model_config, architecture: ARCHITECTURE };
  const made = predictor(newerSource(SYNTHETIC.files), { simulator: "v1.2", architecture: ARCHITECTURE });
  const { contributions, skipped } = predictIteration(made, {
    model,
    tp: 1,
    prefills: [],
    decodes: [{ kv: 64, count: 4 }],
  });
  const times = Object.fromEntries(
    contributions.map(({ stage, layer, times }) => [`${stage} ${layer}`, times]),
  );
  assert.deepEqual(skipped, []);
  assert.deepEqual(times, {
    "prologue a": 1,
    "pre_attn a": 6,
    "pre_attn attention": 2,
    "pre_attn indexer": 3,
    "pre_attn sparse_attention": 3,
    "pre_attn g2": 1,
    "post_attn b": 6,
    "mlp_dense a": 2,
    "mlp_moe moe": 4,
    "head s": 1,
  });
});

Deno.test("predictDraftPass asks the drafter's layers for the tokens of the pass", () => {
  const mtp = { prologue: ["m"], decoder_block: { attn: "full_attention", mlp: "moe" }, head: [] } as const;
  const model = { id: "x/y", config: SYNTHETIC.model_config, architecture: { ...ARCHITECTURE, mtp } };
  const made = predictor(newerSource(SYNTHETIC.files), { simulator: "v1.2", architecture: ARCHITECTURE });
  const query = { model, tp: 1, prefills: [], decodes: [{ kv: 64, count: 4 }] } as const;
  const { contributions, totalNs } = predictDraftPass(made, query);
  assert.deepEqual(contributions.map(({ stage, layer }) => `${stage} ${layer}`), [
    "mtp_prologue m",
    "pre_attn a",
    "pre_attn attention",
    "post_attn b",
    "mlp_moe moe",
  ]);
  assert.equal(contributions[0]!.ns, made.mtp(1, "m", 4));
  assert.equal(totalNs, contributions.reduce((sum, { ns }) => sum + ns, 0));
  assert.throws(() => predictDraftPass(made, { ...query, model: { ...model, architecture: ARCHITECTURE } }), {
    name: "UsageError",
    message: "Cannot draft with x/y: syn describes no drafter",
  });
  const { mlp: _, ...open } = mtp.decoder_block;
  const unnamed = { ...model, architecture: { ...ARCHITECTURE, mtp: { ...mtp, decoder_block: open } } };
  assert.throws(() => predictDraftPass(made, { ...query, model: unnamed }), {
    name: "UsageError",
    message:
      "Cannot draft with x/y: mtp.decoder_block.mlp of syn must be dense or moe, as the model's layers have both",
  });
  const older = { ...model, architecture: { ...ARCHITECTURE, mtp: { prologue: ["m"], head: [] } } };
  assert.throws(() => predictDraftPass(made, { ...query, model: older }), {
    name: "UsageError",
    message:
      "Cannot draft with x/y: mtp of syn must name its decoder_block, as the model's layers have several kinds " +
      "of attention",
  });
  const uniform = { ...older, config: { num_hidden_layers: 2 } };
  assert.deepEqual(
    predictDraftPass(made, { ...query, model: uniform }).contributions.map(({ layer }) => layer),
    ["m", "a", "attention", "b", "a"],
  );
});

Deno.test("predictIteration needs the layers of prologue and head in v1.2, and skips those of a block", async () => {
  const architecture = await loadArchitecture("llama", "configs");
  const model = { id: "x/y", config: { num_hidden_layers: 2 }, architecture };
  const rows = "layer,tokens,time_us\nembedding,16,5\nfinal_layernorm,16,1\nqkv_proj,16,10\n";
  const files = {
    "meta.yaml": "hardware: X\n",
    "tp1/dense.csv": rows,
    "tp1/per_sequence.csv": "layer,sequences,time_us\nlm_head,1,20\nsampler,1,4\n",
    "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,0,0,0,7\n",
  };
  const query = { model, tp: 1, prefills: [{ chunk: 16, history: 0 }], decodes: [] } as const;
  const { totalNs, skipped } = predictIteration(predictor(newerSource(files), { simulator: "v1.2" }), query);
  assert.equal(totalNs, 5_000 + 2 * 10_000 + 2 * 7_000 + 1_000 + 20_000 + 4_000);
  assert.ok(skipped.includes("o_proj"));
  const without = { ...files, "tp1/dense.csv": rows.replace("embedding,16,5\n", "") };
  assert.throws(() => predictIteration(predictor(newerSource(without), { simulator: "v1.2" }), query), {
    name: "LookupError",
    message: "Cannot look up embedding at tp 1: tp1/dense.csv has no such layer",
  });
});

Deno.test("v1.2 places a prefill at the middle of its new tokens", () => {
  const { attention, explainAttention } = predictor(
    newerSource({
      "meta.yaml": "hardware: X\n",
      "tp1/attention.csv": "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
        "attention,16,24.0,0,0,1,20\nattention,16,40.0,0,0,1,30\n",
    }),
    { simulator: "v1.2" },
  );
  const query = { chunk: 16, kvPrefill: 24, nDecode: 0, kvDecode: 0 };
  assert.equal(attention(1, query), 25_000);
  assert.equal(explainAttention(1, query).ns, 25_000);
});
