// deno-lint-ignore-file no-console
/**
 * Compares the predictor with lookups that a simulator made: `check_lookups.ts BUNDLE VECTORS [FIT]`.
 *
 * BUNDLE is a bundle's folder, VECTORS a file of its lookups at one tensor-parallel degree, FIT a file with the
 * alpha fit that they were made with, when it is not the bundle's own. Exits with 1 when an answer differs.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { openBundle } from "../src/bundle/open.ts";
import { loadArchitecture } from "../src/model/architecture.ts";
import { compareLookups, type LookupVectors } from "../tests/predict/compare_lookups.ts";
import { predictor, type PredictorSource } from "../src/predict/predictor.ts";

const [dir, vectors, fit] = Deno.args;
if (dir === undefined || vectors === undefined) {
  console.error("Usage: check_lookups.ts BUNDLE VECTORS [FIT]");
  Deno.exit(2);
}

const bundle = await openBundle(dir);
const { header, ...lookups } = await readJson(vectors) as LookupVectors & { header: { setting: string } };
const tp = Number(/ tp(\d+)/.exec(header.setting)?.[1]);
const architecture = await loadArchitecture(bundle.meta.architecture ?? "", "configs");
const source = fit === undefined ? bundle : withFit(await readJson(fit));
let different = 0;
for (
  const [kind, { equal, differences }] of compareLookups(predictor(source, { architecture }), tp, lookups)
) {
  console.log(`${kind}: ${equal} of ${equal + differences.length} equal`);
  differences.slice(0, 5).forEach((difference) => console.log(`  ${difference}`));
  different += differences.length;
}
Deno.exit(different === 0 ? 0 : 1);

// deno-lint-ignore no-explicit-any
function withFit({ skew_fit_block, skew_fit_csv }: any): PredictorSource {
  const rowsOf = (tp: number): unknown[][] => skew_fit_csv[tp].rows;
  return {
    tps: bundle.tps,
    meta: { ...bundle.meta, skew_fit: skew_fit_block },
    table: (tp, category) => bundle.table(tp, category),
    skewFit: (tp) =>
      rowsOf(tp).map(([pc, n_label, skew_rate_label, kv_big_label, kp_label, alpha, n_samples]) => ({
        pc: Number(pc),
        n_label: String(n_label),
        skew_rate_label: String(skew_rate_label),
        kv_big_label: String(kv_big_label),
        kp_label: String(kp_label),
        alpha: Number(alpha),
        n_samples: Number(n_samples),
      })),
  };
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await Deno.readFile(path);
  return JSON.parse(new TextDecoder().decode(path.endsWith(".gz") ? gunzipSync(bytes) : bytes));
}
