// deno-lint-ignore-file no-console
/**
 * Compares the predictor with lookups that a simulator made: `check_lookups.ts BUNDLE VECTORS [FIT]`.
 *
 * BUNDLE is a bundle's folder, VECTORS a file of its lookups at one tensor-parallel degree, FIT a file with the
 * alpha fit that they were made with, when it is not the bundle's own. Exits with 1 when an answer differs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Bundle, openBundle } from "../src/bundle/open.ts";
import { UsageError } from "../src/errors.ts";
import { loadArchitecture } from "../src/model/architecture.ts";
import { compareLookups, type LookupVectors } from "../tests/predict/compare_lookups.ts";
import { predictor, type PredictorSource } from "../src/predict/predictor.ts";
import { readJsonFile, runScript } from "./script.ts";

const CONFIGS = fileURLToPath(new URL("../configs", import.meta.url));

const vectorsSchema = z.looseObject({
  header: z.looseObject({ setting: z.string() }),
  batches: z.looseObject({ rows: z.array(z.unknown()) }),
});
const fitSchema = z.object({
  skew_fit_block: z.custom<Bundle["meta"]["skew_fit"]>(),
  skew_fit_csv: z.record(z.string(), z.object({ rows: z.array(z.array(z.unknown())) })),
});

function withFit(
  bundle: Bundle,
  { skew_fit_block, skew_fit_csv }: z.infer<typeof fitSchema>,
): PredictorSource {
  const rowsOf = (tp: number): unknown[][] => skew_fit_csv[tp]?.rows ?? [];
  return {
    tps: bundle.tps,
    meta: { ...bundle.meta, ...skew_fit_block !== undefined && { skew_fit: skew_fit_block } },
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

const script = { usage: "check_lookups.ts BUNDLE VECTORS [FIT]", words: [2, 3] } as const;
await runScript(script, async (_, dir, vectors, fit?: string) => {
  const bundle = await openBundle(dir);
  const { header, ...lookups } = await readJsonFile(vectors, vectorsSchema);
  const tp = Number(/ tp(\d+)/.exec(header.setting)?.[1]);
  const { hardware, model } = bundle.meta;
  if (!header.setting.startsWith(`${hardware}/${model}/`) || !bundle.tps.includes(tp)) {
    throw new UsageError(
      `Cannot compare ${vectors} with ${dir}: the lookups are of ${header.setting}, the bundle of ${hardware}/${model} tp ${
        bundle.tps.join(", ")
      }`,
    );
  }
  const architecture = await loadArchitecture(bundle.meta.architecture ?? "", CONFIGS);
  const source = fit === undefined ? bundle : withFit(bundle, await readJsonFile(fit, fitSchema));
  const asked = lookups as unknown as LookupVectors;
  let different = 0;
  for (
    const [kind, { equal, differences }] of compareLookups(predictor(source, { architecture }), tp, asked)
  ) {
    console.log(`${kind}: ${equal} of ${equal + differences.length} equal`);
    differences.slice(0, 5).forEach((difference) => console.log(`  ${difference}`));
    different += differences.length;
  }
  return different === 0 ? 0 : 1;
});
