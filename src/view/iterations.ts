/**
 * Whole iterations of decodes, over several sizes or of several bundles.
 *
 * @module
 */
import { hardwareDirOf, readCollectives } from "../bundle/collectives_file.ts";
import type { Bundle } from "../bundle/open.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import type { Model } from "../model/model.ts";
import type { Batch } from "../predict/batch.ts";
import type { BlockPool } from "../predict/batch_blocks.ts";
import { type Communication, communicationAt, sheetLink } from "../predict/communication.ts";
import { type IterationEstimate, predictIteration } from "../predict/iteration.ts";
import { predictor } from "../predict/predictor.ts";
import { sheetOf } from "../roofline/hardware.ts";
import { type IterationError, iterationError } from "../serving/iteration_error.ts";

/** Iterations of one bundle in which every request decodes. */
export interface DecodeIterations {
  /** Tensor-parallel degree. @default {1} */
  readonly tp?: number;
  /** KV length of every request in tokens. */
  readonly kv: number;
  /** Requests of each iteration. */
  readonly requests: readonly number[];
  /** KV blocks of the device: each estimate then says whether its batch fits. @default none */
  readonly pool?: BlockPool;
  /** How long the devices take to exchange what they must, as {@linkcode bundleCommunication} has it. @default {null} */
  readonly communication?: Communication | null;
}

/**
 * How long the devices of a bundle's hardware take to exchange data: as it was measured beside the bundle, else by the
 * link of the device's data sheet, an estimate.
 *
 * @param bundle The bundle.
 * @param configDir Folder of `hardware/<name>.yaml`. @default {"the project's own"}
 * @returns The times by tensor-parallel degree; null for one of which nothing is known.
 * @throws {UsageError} when the file of collectives or the sheet cannot be read.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle } from "shotlab";
 * import { bundleCommunication, decodeIterations } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const communication = (await bundleCommunication(bundle))(2);
 * const [first] = decodeIterations(bundle, model, { tp: 2, kv: 2048, requests: [8], communication });
 * assert.equal(first![1].communication, "data sheet");
 * ```
 */
export async function bundleCommunication(
  { dir, meta }: Pick<Bundle, "dir" | "meta">,
  configDir: string = CONFIG_DIR,
): Promise<(tp: number) => Communication | null> {
  const [measured, sheet] = await Promise.all([
    readCollectives(hardwareDirOf(dir)),
    sheetOf(meta.gpu ?? "", configDir),
  ]);
  return (tp) => communicationAt(tp, measured, sheet === null ? null : sheetLink(sheet));
}

/**
 * Estimates iterations of decodes, as `iterationTimes` draws them.
 *
 * @param bundle The bundle.
 * @param model Its model.
 * @param iterations Their sizes.
 * @returns Of each the requests, the estimate, and how far that may be off; nobody knows for a bundle that is itself an
 * estimate.
 * @throws {LookupError} when the bundle holds no times of a kind that the model cannot be without.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle } from "shotlab";
 * import { decodeIterations } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const [one, many] = decodeIterations(bundle, model, { kv: 2048, requests: [1, 64] });
 * assert.ok(many![1].totalNs > one![1].totalNs);
 * ```
 */
export function decodeIterations(
  bundle: Bundle,
  model: Model,
  { tp = 1, kv, requests, pool, communication = null }: DecodeIterations,
): [requests: number, estimate: IterationEstimate, error: IterationError | undefined][] {
  const predict = predictor(bundle, { architecture: model.architecture });
  return requests.map((count) => {
    const query = { model, tp, prefills: [], decodes: [{ kv, count }], communication, ...pool && { pool } };
    const estimate = predictIteration(predict, query);
    const known = bundle.meta.quantity !== "estimate";
    return [count, estimate, known ? iterationError(bundle, query, estimate) : undefined];
  });
}

/** A bundle of a table of iterations. */
export interface IterationColumn {
  /** Heading, such as `H100, tp 2`. */
  readonly name: string;
  /** The bundle. */
  readonly bundle: Bundle;
  /** Its model. */
  readonly model: Model;
  /** Tensor-parallel degree. @default {1} */
  readonly tp?: number;
  /** How long the devices take to exchange what they must; null leaves it out. @default {null} */
  readonly communication?: Communication | null;
}

/** A batch of a table of iterations: decodes, with a prefill or without. */
export interface IterationBatch {
  /** Requests that decode. */
  readonly requests: number;
  /** KV length of each in tokens. */
  readonly kv: number;
  /** New tokens of a prefill among them. @default {0, without one} */
  readonly chunk?: number;
}

/**
 * Estimates the same batches with several bundles.
 *
 * @param columns The bundles.
 * @param batches The batches.
 * @returns A row for each batch, with the milliseconds of each bundle.
 * @throws {LookupError} when a bundle holds no times of a kind that the model cannot be without.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle } from "shotlab";
 * import { iterationTable } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const [row] = iterationTable([{ name: "H100", bundle, model }], [{ requests: 8, kv: 2048, chunk: 512 }]);
 * assert.deepEqual(Object.keys(row!), ["requests", "KV length", "prefill", "H100 (ms)"]);
 * ```
 */
export function iterationTable(
  columns: readonly IterationColumn[],
  batches: readonly IterationBatch[],
): Record<string, number>[] {
  const predictors = columns.map(({ bundle, model }) =>
    predictor(bundle, { architecture: model.architecture })
  );
  return batches.map(({ requests, kv, chunk = 0 }) => {
    const batch: Batch = {
      prefills: chunk > 0 ? [{ chunk, history: 0 }] : [],
      decodes: [{ kv, count: requests }],
    };
    const times = columns.map(({ name, model, tp = 1, communication = null }, i) => {
      const { totalNs } = predictIteration(predictors[i]!, { model, tp, communication, ...batch });
      return [`${name} (ms)`, totalNs / 1e6] as const;
    });
    return { requests, "KV length": kv, prefill: chunk, ...Object.fromEntries(times) };
  });
}
