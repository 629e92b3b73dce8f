// deno-lint-ignore-file no-console
/**
 * Records what becomes of a tiny model of every family on this machine's vLLM: drafted, held against its file, measured
 * at two degrees, predicted; or refused, with the engine's reason. About half a minute each on an idle machine of two
 * cores. What was recorded of other families stays.
 *
 * Usage: `deno run -A tests/bench/families/tiny.ts perf/evidence/architectures/tiny.json [model_type ...]`
 *
 * @module
 */
import { existsSync } from "node:fs";
import { z } from "zod";
import type { Bundle } from "../../../src/bundle/open.ts";
import { openBundle } from "../../../src/bundle/open.ts";
import { CONFIG_DIR } from "../../../src/config_dir.ts";
import { HarnessError, UsageError } from "../../../src/errors.ts";
import { writeAtomic } from "../../../src/files/write.ts";
import type { Harness } from "../../../src/harness/harness.ts";
import { openHarness } from "../../../src/harness/open.ts";
import type { WalkCoverage } from "../../../src/inspect/coverage.ts";
import { architectureCoverage, inspectModel } from "../../../src/inspect/inspect_model.ts";
import { loadArchitecture } from "../../../src/model/architecture.ts";
import { ownArchitecture } from "../../../src/model/decoder_layers.ts";
import { kindName, layerKinds } from "../../../src/model/kinds.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { predictIteration } from "../../../src/predict/iteration.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { profile } from "../../../src/run/profile.ts";
import { CATEGORY_ORDER } from "../../../src/shots/shot.ts";
import { readJsonFile, runScript } from "../../../tasks/script.ts";
import { putFile } from "../../run/tiny_run.ts";
import { FAMILY_NAMES, tinyModel } from "../../inspect/tiny_models.ts";

/** What became of a step: what it gave, or why there is nothing. */
type Outcome<T> = T | { readonly refused: string };

/** What became of a family. */
export interface TinyOutcome {
  /** The engine that ran it. */
  readonly engine: string;
  /** Kinds of its decoder layers. */
  readonly kinds: readonly string[];
  /** The draft: the largest share of a batch's kernels in no layer, and whether its sequence is that of the file. */
  readonly draft: Outcome<{ readonly uncovered: number; readonly asFile: boolean }>;
  /** The file: the largest share of a batch's kernels in no layer. */
  readonly file: Outcome<{ readonly uncovered: number }>;
  /** Measured with the file, by degree: rows, and shots that failed. */
  readonly measured: Readonly<Record<string, Outcome<{ readonly rows: number; readonly failed: number }>>>;
  /** An iteration predicted from the bundle: layers that have no times. */
  readonly predicted: Outcome<{ readonly layers: number; readonly skipped: readonly string[] }>;
}

/** The line of an error that says why, without what the machine had to do with it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof HarnessError || error instanceof UsageError)) throw error;
  return error.message.split("\n")[0]!.replace(/^Harness '[^']*': (cannot boot tp \d+: )?/, "");
}

let harness: Harness | undefined;

/** Tries something with an open worker; a worker that broke is replaced by the next. */
async function tried<T>(action: (harness: Harness) => Promise<T>): Promise<Outcome<T>> {
  harness ??= await openHarness("vllm");
  try {
    return await action(harness);
  } catch (error) {
    const refused = reasonOf(error);
    await harness.close();
    harness = undefined;
    return { refused };
  }
}

function worst(coverage: readonly WalkCoverage[]): number {
  return Number(Math.max(...coverage.map(({ uncovered }) => uncovered)).toFixed(5));
}

async function outcomeOf(modelType: string): Promise<TinyOutcome> {
  const tiny = tinyModel(modelType);
  const written = await loadArchitecture(modelType, CONFIG_DIR);
  const architecture = ownArchitecture({ ...tiny, architecture: written });
  const draft = await tried(async (harness) => {
    const found = await inspectModel(tiny, { harness });
    const asFile = JSON.stringify(found.architecture.sequence) === JSON.stringify(architecture.sequence);
    return { uncovered: worst(found.coverage), asFile };
  });
  const file = await tried(async (harness) => ({
    uncovered: worst((await architectureCoverage({ ...tiny, architecture }, { harness })).coverage),
  }));
  const measured: Record<string, TinyOutcome["measured"][string]> = {};
  let predicted: TinyOutcome["predicted"] = { refused: "nothing was measured" };
  const dir = await Deno.makeTempDir();
  try {
    const text = await Deno.readTextFile(`${CONFIG_DIR}/architecture/${modelType}.yaml`);
    await putFile(dir, `configs/architecture/${modelType}.yaml`, text);
    await putFile(dir, `configs/model/${tiny.id}.json`, JSON.stringify(tiny.config));
    for (const tpDegrees of [[1], [1, 2]]) {
      const tp = tpDegrees.at(-1)!;
      measured[tp] = await tried(async (harness) => {
        const bundle = await measure(tiny.id, tpDegrees, dir, harness);
        return { rows: rowsOf(bundle, tp), failed: bundle.meta.failed_shots ?? 0 };
      });
    }
    if (!("refused" in measured[1]!)) predicted = await predictedFrom(tiny.id, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  const engine = `vLLM ${(harness ??= await openHarness("vllm")).info.engine_version} (CPU)`;
  return { engine, kinds: [...new Set(layerKinds(tiny).map(kindName))], draft, file, measured, predicted };
}

async function measure(
  model: string,
  tpDegrees: readonly number[],
  dir: string,
  harness: Harness,
): Promise<Bundle> {
  return await profile({
    model,
    hardware: "CPU",
    variant: "tiny",
    tpDegrees: [...tpDegrees],
    maxNumBatchedTokens: 16,
    maxNumSeqs: 2,
    attentionMaxKv: 32,
    attentionChunkFactor: 4,
    attentionKvFactor: 4,
    measurementIterations: 1,
    skipSkew: true,
    sentinelS: 0,
    configDir: `${dir}/configs`,
    perfDir: `${dir}/perf`,
  }, { harness });
}

function rowsOf(bundle: Bundle, tp: number): number {
  return CATEGORY_ORDER.reduce((sum, category) => sum + bundle.table(tp, category).length, 0);
}

async function predictedFrom(id: string, dir: string): Promise<TinyOutcome["predicted"]> {
  const model = await loadModel(id, { configDir: `${dir}/configs` });
  const bundle = await openBundle(`${dir}/perf/CPU/${id}/tiny`);
  const { contributions, skipped } = predictIteration(predictor(bundle, { simulator: "v1.2" }), {
    model,
    tp: 1,
    prefills: [{ chunk: 8, history: 8 }],
    decodes: [{ kv: 16, count: 1 }],
  });
  return { layers: contributions.length, skipped };
}

if (import.meta.main) {
  const script = { usage: "tiny.ts FILE [model_type ...]", words: [1, Infinity] } as const;
  await runScript(script, async (_, path, ...asked) => {
    const unknown = asked.find((name) => !FAMILY_NAMES.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(`There is no tiny model of ${unknown}; known are ${FAMILY_NAMES.join(", ")}`);
    }
    const recorded: Record<string, TinyOutcome> = existsSync(path)
      ? await readJsonFile(path, z.record(z.string(), z.custom<TinyOutcome>()))
      : {};
    try {
      for (const modelType of asked.length > 0 ? asked : FAMILY_NAMES) {
        recorded[modelType] = await outcomeOf(modelType);
        console.log(modelType, JSON.stringify(recorded[modelType]));
        const sorted = Object.fromEntries(
          FAMILY_NAMES.flatMap((name) => recorded[name] === undefined ? [] : [[name, recorded[name]]]),
        );
        await writeAtomic(path, `${JSON.stringify(sorted, null, 1)}\n`);
      }
    } finally {
      await harness?.close();
    }
  });
}
