// deno-lint-ignore-file no-console
/**
 * Says how far what is predicted from a bundle is from the forwards that `families.py` has measured of the same model:
 * unlike their own rows, a bundle's are those of a grid.
 *
 * Usage: `deno run -A tests/bench/families/bundles.ts perf families.json [bundles.json]`
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { openBundle } from "../../../src/bundle/open.ts";
import { fewestLayers } from "../../../src/model/fewest_layers.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import type { ModelConfig } from "../../../src/model/model.ts";
import { variantName } from "../../../src/model/variant.ts";
import { type Batch, batchOf } from "../../../src/predict/batch.ts";
import { LookupError } from "../../../src/predict/lookup_error.ts";
import { predictIteration } from "../../../src/predict/iteration.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { median } from "../../../src/stats.ts";
import { readJsonFile, runScript } from "../../../tasks/script.ts";
import cases from "./cases.json" with { type: "json" };

/** A bundle against the forwards of its model. */
export interface JudgedBundle {
  /** The bundle's folder below that of all. */
  readonly bundle: string;
  /** Tensor-parallel degree of the forwards. */
  readonly tp: number;
  /** Rows of all degrees. */
  readonly rows: number;
  /** Shots that failed. */
  readonly failed: number;
  /** By quantized layer, the engine's methods and the kernels that they chose. */
  readonly methods?: Readonly<Record<string, string>>;
  /** Microseconds of each forward's kernels, and what is predicted of it. */
  readonly forwards: readonly {
    readonly forward: string;
    readonly forwardUs: number;
    readonly predictedUs: number;
  }[];
}

/** What is read of a case. */
interface Case {
  readonly model: string;
  readonly tp: number;
  readonly config: ModelConfig;
  readonly kv_cache_dtype?: string;
}

/** Layers of each kind in the engines of `families.py`. */
const LAYERS = 2;

/** Cases whose bundle is of another checkpoint of the same weights' type. */
const MODELS: Readonly<Record<string, string>> = {
  "llama-3.1-8b-fp8": "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic",
};

const recordedSchema = z.record(
  z.string(),
  z.object({ forwards: z.array(z.object({ forward: z.string(), forwardUs: z.number() })) }),
);

/**
 * The requests of a forward by its name in `families.py`.
 *
 * @param name Such as `prefill 512 beside 32 decodes at 2048`.
 * @returns The batch.
 * @throws {RangeError} when it is none of its names.
 */
export function batchNamed(name: string): Batch {
  const requests = name.split(" beside ").flatMap((part) => {
    const prefill = /^prefill (\d+)(?: at (\d+))?$/.exec(part);
    if (prefill !== null) return [{ tokens: Number(prefill[1]), history: Number(prefill[2] ?? 0) }];
    const decodes = /^(\d+) decodes at (\d+)$/.exec(part);
    if (decodes === null) throw new RangeError(`No forward is called '${name}'`);
    return Array.from({ length: Number(decodes[1]) }, () => ({ tokens: 1, history: Number(decodes[2]) }));
  });
  return batchOf(requests);
}

if (import.meta.main) {
  const script = { usage: "bundles.ts PERF FAMILIES [bundles.json]", words: [2, 3] } as const;
  await runScript(script, async (_, perfDir, path, out?: string) => {
    const recorded = await readJsonFile(path, recordedSchema);
    const judged: Record<string, JudgedBundle> = {};
    for (
      const [name, { model: id, tp, config, kv_cache_dtype }] of Object.entries<Case>(cases)
    ) {
      const model = await loadModel(MODELS[name] ?? id);
      const variantOf = (config: ModelConfig): string =>
        variantName({ config, dtype: null, kvCacheDtype: null, variant: null });
      const below = join("H200", model.id, variantOf(model.config));
      const measured = recorded[name];
      const isOwn = variantOf(model.config) === variantOf(config) && kv_cache_dtype === undefined;
      if (measured === undefined || !isOwn || !existsSync(join(perfDir, below, "meta.yaml"))) continue;
      const bundle = await openBundle(join(perfDir, below));
      const { overrides } = fewestLayers(model, LAYERS);
      const cut = { ...model, config: { ...model.config, ...overrides } };
      const source = predictor(bundle, { architecture: model.architecture, simulator: "v1.2" });
      const predictedUs = (forward: string): number => {
        const query = { model: cut, tp, ...batchNamed(forward), routing: "uniform" as const };
        return predictIteration(source, query).totalNs / 1000;
      };
      let forwards: JudgedBundle["forwards"];
      try {
        forwards = measured.forwards.map(({ forward, forwardUs }) => ({
          forward,
          forwardUs,
          predictedUs: predictedUs(forward),
        }));
      } catch (error) {
        if (!(error instanceof LookupError)) throw error;
        console.log(`${name}: ${error.message}`);
        continue;
      }
      const { meta } = bundle;
      const rows = Object.values(meta.rows ?? {}).flatMap((tables) => Object.values(tables))
        .reduce<number>((sum, count) => sum + (count ?? 0), 0);
      const methods = meta.engine_resolved?.per_tp?.[tp]?.methods;
      judged[name] = {
        ...{ bundle: below, tp, rows, failed: meta.failed_shots ?? 0 },
        ...methods && { methods },
        forwards,
      };
      const errors = forwards.map(({ forwardUs, predictedUs }) => predictedUs / forwardUs - 1);
      const share = (error: number): string => `${(100 * error).toFixed(1)}%`;
      console.log(
        `${name}: ${rows} rows, ${share(median(errors.map(Math.abs)))} at the median; ` +
          forwards.map(({ forward }, at) => `${forward} ${share(errors[at]!)}`).join(", "),
      );
    }
    if (out !== undefined) await Deno.writeTextFile(out, `${JSON.stringify(judged, null, 1)}\n`);
  });
}
