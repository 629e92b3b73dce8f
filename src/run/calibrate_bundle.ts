/**
 * The alpha fit of a bundle in the form that v1.2 reads, which August reads too.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { renderIssue } from "../bundle/issue.ts";
import { tablePath } from "../bundle/layout.ts";
import {
  type Calibration,
  CALIBRATION_SCHEMA,
  type SkewFit,
  type SkewFitEntry,
} from "../bundle/meta_blocks.ts";
import type { WholeBundle } from "../bundle/open.ts";
import { LOOKUPS_SHA256, LOOKUPS_VERSION } from "../bundle/simulator.ts";
import { formatSkewCells } from "../bundle/skew_cells.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import { readSkewShapes, type SkewShape } from "../bundle/skew_shapes.ts";
import { UsageError } from "../errors.ts";
import { readBytes, readIfThere } from "../files/read.ts";
import { parseYaml } from "../files/yaml.ts";
import { ALPHA_CLIP, type CalibrationCase, fitCalibration, MIN_ROWS } from "../fit/calibrate.ts";
import type { Fit } from "../fit/fit_skew.ts";
import { keySaturation } from "../model/blocks.ts";
import { isObject } from "../model/config.ts";
import type { Model } from "../model/model.ts";
import { emptyFacts, gatherFacts } from "../predict/batch.ts";
import { type Predictor, predictor } from "../predict/predictor.ts";
import { prefillKey } from "../predict/prefill_key.ts";

/** What a bundle is calibrated with. */
export interface CalibrateOptions {
  /** The bundle's model: its attention kernels, and how much of a history they read. */
  readonly model: Model;
  /** August's fit, whose alphas stand in meta.yaml itself. */
  readonly august: Fit;
  /** Writes a whole file when its text is new. */
  readonly write: (path: string, text: string) => Promise<void>;
}

/**
 * Fits the alphas of a bundle as `refit-skew` of v1.2 does and writes `skew_fit.csv` of each degree.
 *
 * The hashes in the result are of the files as they lie: whoever writes attention.csv again has to fit again.
 *
 * @param bundle The bundle.
 * @param options The model and August's fit.
 * @returns meta.yaml's block.
 * @throws {UsageError} when meta.yaml lacks a name, or skew.csv has a case that v1.2 refuses.
 */
export async function calibrateBundle(bundle: WholeBundle, options: CalibrateOptions): Promise<SkewFit> {
  const { model, august, write } = options;
  const { hardware, model: id, variant } = bundle.meta;
  if (hardware === undefined || id === undefined || variant === undefined) {
    throw new UsageError(
      `Cannot calibrate ${bundle.dir}: its meta.yaml must name hardware, model and variant, which v1.2 compares`,
    );
  }
  const lookups = predictor({ ...bundle, meta: {} }, { simulator: "v1.2", architecture: model.architecture });
  const per_tp: Record<string, SkewFitEntry> = {};
  for (const tp of bundle.tps) {
    const skew = await readIfThere(tablePath(bundle.dir, tp, "skew"));
    if (skew === null) continue;
    await refuseUnfinished(bundle.dir, tp);
    const shapes = readShapes(new TextDecoder().decode(skew), tablePath(bundle.dir, tp, "skew"));
    const cases = shapes.flatMap((shape) => caseOf(shape, tp, lookups, model, bundle.dir));
    const fit = fitCalibration(cases, (layer) => saturates(model, layer));
    const text = formatSkewCells(fit.cells);
    await write(tablePath(bundle.dir, tp, "skew_fit"), text);
    const entry: Calibration = {
      schema: CALIBRATION_SCHEMA,
      identity: { hardware, model: id, variant, tp },
      reference: {
        attention_sha256: sha256(await readBytes(tablePath(bundle.dir, tp, "attention"))),
        lookup_sha256: LOOKUPS_SHA256,
        skew_sha256: sha256(skew),
        key_saturation: keySaturation(model.config),
        saturation_by_layer: Object.fromEntries(
          Object.keys(model.architecture.catalog.attention).map((layer) => [layer, saturates(model, layer)]),
        ),
      },
      estimator: "supported_n_relative_latency_l1",
      min_rows: MIN_ROWS,
      n_samples: fit.n_samples,
      dropped_rows: fit.dropped === 0 ? {} : { unusable_reference_gap: fit.dropped },
      axes: fit.axes,
      alpha_clip: ALPHA_CLIP,
      alpha_default_by_kernel: fit.alpha_default_by_kernel,
      n_range_by_kernel: fit.n_range_by_kernel,
      bucket_table: `tp${tp}/skew_fit.csv`,
      bucket_table_sha256: sha256(new TextEncoder().encode(text)),
    };
    per_tp[tp] = { ...entry, ...augustEntry(august, tp) };
  }
  const { bucket_axes: axes } = august.block;
  return { enabled: true, calibrated_for: LOOKUPS_VERSION, ...axes && { bucket_axes: axes }, per_tp };
}

/**
 * What August reads of an entry: alphas in the entry itself, so that it does not open the table, which is v1.2's. Those
 * of buckets without a case are left out, where it takes the default. Without cases that August has columns for there is
 * nothing that it could read.
 */
function augustEntry({ block, tables }: Fit, tp: number): Partial<SkewFitEntry> {
  const { alpha_default, bucket_axes } = block.per_tp?.[tp] ?? {};
  if (alpha_default === undefined) return {};
  const rows = tables.get(tp)?.filter(({ n_samples }) => n_samples !== 0) ?? [];
  return {
    alpha_default,
    ...bucket_axes && { bucket_axes },
    alpha_by_bucket: Object.fromEntries(rows.map((row) => [keyOf(row), row.alpha])),
  };
}

function keyOf(row: SkewFitRow): string {
  return `pc=${row.pc}|${row.n_label}|${row.skew_rate_label}|${row.kv_big_label}|${row.kp_label}`;
}

function readShapes(text: string, path: string): readonly SkewShape[] {
  const { rows, issues } = readSkewShapes(text, path);
  const fault = issues.find(({ severity }) => severity === "error");
  if (fault === undefined) return rows;
  throw new UsageError(`Cannot calibrate: v1.2 refuses the whole file: ${renderIssue(fault)}`);
}

/** A batch whose decodes have unlike KV lengths; others tell nothing. */
function caseOf(
  { layer, decodeQLen, prefills, decodes, skewUs }: SkewShape,
  tp: number,
  lookups: Predictor,
  model: Model,
  dir: string,
): CalibrationCase[] {
  const facts = emptyFacts();
  gatherFacts(facts, { prefills, decodes });
  const { pc, n, kvMean, kvMin, kvMax } = facts;
  if (!(layer in model.architecture.catalog.attention)) {
    throw new UsageError(
      `Cannot calibrate ${dir}: tp${tp}/skew.csv names kernel ${layer}, which the architecture ` +
        `${model.architecture.modelType} does not have`,
    );
  }
  if (n < 2 || kvMin === kvMax) return [];
  const key = prefillKey(prefills, saturates(model, layer) ? keySaturation(model.config) : null);
  const timeUs = (kvDecode: number): number =>
    lookups.kernelAttention(tp, { layer, decodeQLen, chunk: pc, prefillKey: key, nDecode: n, kvDecode }) /
    1000;
  return [{ layer, decodeQLen, n, pc, meanUs: timeUs(kvMean), maxUs: timeUs(kvMax), skewUs }];
}

function saturates({ architecture }: Model, layer: string): boolean {
  return architecture.catalog.attention[layer]?.key_saturates ?? false;
}

/** v1.2 writes beside skew.csv whether its sweep came to an end. */
async function refuseUnfinished(dir: string, tp: number): Promise<void> {
  const path = `${dir}/tp${tp}/skew.meta.yaml`;
  const bytes = await readIfThere(path);
  if (bytes === null) return;
  const data = parseYaml(new TextDecoder().decode(bytes), path);
  if (isObject(data) && data.completed === true) return;
  throw new UsageError(
    `Cannot calibrate ${dir}: ${path} says that the sweep of its skew.csv is not completed`,
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
