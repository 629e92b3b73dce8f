import assert from "node:assert/strict";
import { dirname } from "node:path";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { fitBundle } from "../../src/run/fit_bundle.ts";
import { readVectors } from "../predict/vectors.ts";
import type { BundleVectors, Files } from "../predict/v1_2_vectors.ts";

const FILES = readVectors<Files>("bundle-h100-qwen3-30b.json.gz");
const { refit } = readVectors<BundleVectors>("lookup-h100-qwen3-30b-v1.2.json.gz");
const MODEL = await loadModel("Qwen/Qwen3-30B-A3B-Instruct-2507");

async function withH100(run: (dir: string) => Promise<void>): Promise<void> {
  const perf = await Deno.makeTempDir();
  const dir = `${perf}/H100/Qwen/Qwen3-30B-A3B-Instruct-2507/bf16`;
  try {
    for (const [path, text] of Object.entries(FILES)) {
      await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${dir}/${path}`, text);
    }
    await run(dir);
  } finally {
    await Deno.remove(perf, { recursive: true });
  }
}

Deno.test("fitBundle for v1.2 writes what refit-skew writes, and August corrects by its own alphas", () =>
  withH100(async (dir) => {
    await fitBundle(dir, { simulator: "v1.2", model: MODEL });
    assert.equal(await Deno.readTextFile(`${dir}/tp2/skew_fit.csv`), refit.skew_fit_csv);
    const bundle = await openBundle(dir);
    const { alpha_default, alpha_by_bucket, ...entry } = bundle.meta.skew_fit?.per_tp?.[2] ?? {};
    assert.deepEqual(entry, refit.meta_entry);
    assert.equal(bundle.meta.skew_fit?.calibrated_for, "LLMServingSim v1.2 (lookups of commit 0d3de681)");
    assert.ok(typeof alpha_default === "number" && Object.keys(alpha_by_bucket as object).length > 3000);
    assert.equal(bundle.simulator, "august");

    const errors = (await validate(dir, { simulator: "v1.2", model: MODEL })).filter(({ severity }) =>
      severity === "error"
    );
    assert.deepEqual(errors.map(({ code, column }) => `${code} ${column}`), ["tp-missing undefined"]);

    const batch = { prefills: [], decodes: [{ kv: 512, count: 12 }, { kv: 8192, count: 4 }] };
    const { alphaSource } = predictor(bundle, { simulator: "august" }).explainBatch(2, batch);
    assert.equal(alphaSource, "bucket");
    const newer = predictor(bundle, { simulator: "v1.2" }).explainBatch(2, batch);
    assert.match(newer.bucket ?? "", /^pc\d\|lev\d\|n=\d+$/);
    assert.notEqual(newer.alpha, 0);
  }));

Deno.test("a first fit is kept and off; later ones stay as the bundle's is", () =>
  withH100(async (dir) => {
    const enabled = async (): Promise<unknown> => {
      const { skew_fit } = (await openBundle(dir)).meta;
      return [skew_fit?.enabled, skew_fit?.calibrated_for !== undefined, skew_fit?.kept !== undefined];
    };
    await fitBundle(dir);
    assert.deepEqual(await enabled(), [true, false, false]);
    await fitBundle(dir, { simulator: "none" });
    assert.deepEqual(await enabled(), [false, false, true]);
    assert.deepEqual((await validate(dir)).filter(({ code }) => code.startsWith("skew-fit")), []);
    await fitBundle(dir);
    assert.deepEqual(await enabled(), [false, false, true]);
    const calibrated = { simulator: "v1.2", model: MODEL } as const;
    await fitBundle(dir, calibrated);
    await fitBundle(dir, { model: MODEL });
    assert.deepEqual(await enabled(), [true, true, false]);
  }));

Deno.test("fitBundle for v1.2 refuses what v1.2 refuses, and leaves the fit as it is", () =>
  withH100(async (dir) => {
    const skew = FILES["tp2/skew.csv"]!;
    const [header = "", first = ""] = skew.split("\n");
    const before = await Deno.readTextFile(`${dir}/meta.yaml`);
    const cases: readonly (readonly [text: string, rule: RegExp])[] = [
      [
        `${header}\n${first}\n${first}\n`,
        /^Cannot calibrate: v1.2 refuses the whole file: error: .*skew.csv, row 3/,
      ],
      [
        `${header},layer\n${first},foo\n`,
        /tp2\/skew.csv names kernel foo, which the architecture qwen3_moe does not have$/,
      ],
    ];
    for (const [text, rule] of cases) {
      await Deno.writeTextFile(`${dir}/tp2/skew.csv`, text);
      await assert.rejects(
        fitBundle(dir, { simulator: "v1.2", model: MODEL }),
        (error) => error instanceof UsageError && rule.test(error.message),
      );
    }
    await Deno.writeTextFile(`${dir}/tp2/skew.csv`, skew);
    await Deno.writeTextFile(`${dir}/tp2/skew.meta.yaml`, "completed: false\n");
    await assert.rejects(
      fitBundle(dir, { simulator: "v1.2", model: MODEL }),
      /the sweep of its skew.csv is not completed$/,
    );
    await assert.rejects(
      fitBundle(dir, { simulator: "v1.2" }),
      new UsageError(`Cannot fit ${dir} for v1.2: its model's configuration and architecture are not known`),
    );
    assert.equal(await Deno.readTextFile(`${dir}/meta.yaml`), before);
  }));

Deno.test("fitBundle for v1.2 fits cases that list their requests, which August has no columns for", () =>
  withH100(async (dir) => {
    const lines = Array.from(
      { length: 40 },
      (_, i) => `c${i},"[[1, ${100 + i}], [1, ${9000 + 10 * i}]]",0,1,${20 + i / 10}`,
    );
    const text = ["case_id,requests_json,n_prefill,decode_q_len,t_skew_us", ...lines, ""].join("\n");
    await Deno.writeTextFile(`${dir}/tp2/skew.csv`, text);
    await fitBundle(dir, { simulator: "v1.2", model: MODEL });
    const bundle = await openBundle(dir);
    assert.equal(bundle.skewCells(2).reduce((sum, { pooled_rows }) => sum + pooled_rows, 0), 40);
    assert.equal(bundle.simulator, "v1.2");
    assert.deepEqual(bundle.skew(2), []);
    assert.equal(bundle.skewShapes(2).length, 40);
  }));

Deno.test("fitBundle that is aborted throws the reason and leaves every file as it was", () =>
  withH100(async (dir) => {
    const signal = AbortSignal.abort(new Error("enough"));
    const write = (path: string): Promise<void> => Promise.reject(new Error(`${path} is written`));
    await assert.rejects(fitBundle(dir, { signal, write }), { message: "enough" });
  }));
