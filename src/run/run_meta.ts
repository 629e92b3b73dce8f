/**
 * The meta.yaml of a run.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { roundDecimals } from "../number_format.ts";
import type { Meta, SkewProfile } from "../bundle/meta.ts";
import type { Booted } from "../harness/harness.ts";
import type { Model } from "../model/model.ts";
import { unreadLayers } from "../model/unread_layers.ts";
import type { Settings } from "../settings.ts";
import { SETTINGS } from "../settings/table.ts";
import type { ResolvedLimits } from "../bundle/meta_blocks.ts";
import type { AttentionGrid } from "../shots/attention_shots.ts";
import { attentionGridSpec } from "../shots/axis_spec.ts";
import { type SkewGrid, skewProfileSpec } from "../shots/skew_axes.ts";
import { VERSION } from "../version.ts";
import { adaptiveProfile, type AdaptiveRun } from "./adaptive_session.ts";
import type { Identity } from "../journal/identity.ts";
import type { SessionFacts } from "../store/session.ts";

/** The settings that a meta.yaml tells of. */
export interface MetaSettings extends
  AttentionGrid,
  SkewGrid,
  Partial<Pick<Settings, "denseStep">>,
  Pick<
    Settings,
    "hardware" | "measurementIterations" | "precision" | "skipSkew" | "skewMode"
  > {}

/** What a meta.yaml is made from. */
export interface RunMetaOptions {
  /** The settings of the run. */
  readonly settings: MetaSettings;
  /** The model. */
  readonly model: Pick<Model, "id" | "config" | "architecture">;
  /** What sharding to a degree sets in the model's configuration. */
  readonly overrides: (tp: number) => Readonly<Record<string, unknown>>;
  /** Name of the bundle's last folder. */
  readonly variant: string;
  /** Who measured, and what. */
  readonly identity: Identity;
  /** The last engine that was booted. */
  readonly booted: Booted;
  /** The engines of this run by tensor-parallel degree. @default none */
  readonly enginesByTp?: ReadonlyMap<number, Pick<Booted, "limits" | "conditions">>;
  /** What is predicted in place of being measured; null when all shots are fired. @default {null} */
  readonly adaptive?: Pick<AdaptiveRun, "profile"> | null;
  /** Degrees whose skew cases are all fired. @default none */
  readonly wholeSkew?: readonly number[];
  /** When the run began. */
  readonly startedAt: Date;
  /** Hash of the source that measures, in hex. */
  readonly sourceSha256: string;
  /** What the file said before, null when there was none; its skew blocks and unknown keys are kept. */
  readonly previous: Meta | null;
}

/**
 * Makes the content of meta.yaml.
 *
 * @param options The run.
 * @param facts What the bundle holds.
 * @returns Every key of the contract, then ours.
 */
export function runMeta(options: RunMetaOptions, facts: SessionFacts): Meta {
  const { settings, model, identity, booted, previous } = options;
  const unread = unreadLayers(model);
  const { limits } = booted;
  const adaptive = adaptiveProfile(
    previous?.adaptive,
    options.adaptive?.profile(),
    facts,
    options.wholeSkew ?? [],
  );
  const devices = [...new Set([...previous?.devices ?? [], identity.device])];
  const durationS = rounded(facts.durationS);
  const idle = previous?.conditions !== undefined && isDeepStrictEqual(durationS, previous.duration_s);
  const conditions = idle ? previous.conditions : booted.conditions;
  const mixed = [...new Set([...facts.mixed, ...changedConditions(previous?.conditions, conditions)])];
  const { adaptive: _, dense_step: __, ...kept } = previous ?? {};
  const { denseStep = SETTINGS.denseStep.fallback } = settings;
  return {
    ...kept,
    profiler_version: VERSION,
    vllm_version: identity.engine === "vllm" ? identity.engine_version : null,
    cuda_version: cudaVersion(identity.runtime),
    gpu: identity.device,
    hardware: settings.hardware,
    profiled_at: options.startedAt.toISOString().replace(/\.\d+Z$/, "+00:00"),
    architecture: model.architecture.modelType,
    architecture_sha256: model.architecture.sha256,
    model: model.id,
    variant: options.variant,
    tp_degrees: facts.tps,
    engine_effective: {
      ...booted.engine_args,
      tensor_parallel_size: 1,
      block_size: limits.block_size,
      max_num_batched_tokens: limits.max_num_batched_tokens,
      max_num_seqs: limits.max_num_seqs,
      hf_overrides: options.overrides(facts.tps.at(-1) ?? 1),
    },
    ...engineResolved(options),
    attention_grid: attentionGridSpec(settings, limits),
    measurement_iterations: settings.measurementIterations,
    skew_profile: skewProfile(options, facts),
    skew_fit: previous?.skew_fit ?? { enabled: false },
    harness: identity.harness,
    harness_version: identity.harness_version,
    quantity: identity.quantity,
    statistic: "median",
    devices,
    engine: identity.engine,
    engine_version: identity.engine_version,
    driver: identity.driver,
    runtime: identity.runtime,
    ...identity.processor !== undefined && { processor: identity.processor },
    ...conditions !== undefined && { conditions },
    ...denseStep !== SETTINGS.denseStep.fallback && { dense_step: denseStep },
    kv_block_size: limits.block_size,
    ...booted.caches !== undefined && { kv_groups: booted.caches },
    ...unread.length > 0 && { unread_layers: unread },
    num_gpu_blocks: booted.num_gpu_blocks,
    dtype: identity.dtype,
    kv_cache_dtype: identity.kv_cache_dtype,
    ...identity.model_revision !== undefined && { model_revision: identity.model_revision },
    samples: facts.samples,
    rows: facts.rows,
    duration_s: durationS,
    ...Object.keys(facts.deviceBusyS).length > 0 && { device_busy_s: rounded(facts.deviceBusyS) },
    ...settings.precision && { precision: settings.precision },
    ...Object.keys(facts.clocks).length > 0 && { sm_clock_mhz: facts.clocks },
    ...facts.sustained.length > 0 && { sustained: facts.sustained },
    ...facts.noise && identity.quantity !== "estimate" && { noise: facts.noise },
    ...adaptive && { adaptive },
    failed_shots: facts.failed.length,
    source_sha256: options.sourceSha256,
    ...mixed.length > 0 && { mixed },
  };
}

/** How conditions differ from those of rows of before. What an engine chose by itself is told by degree. */
function changedConditions(before: Meta["conditions"], now: Meta["conditions"]): string[] {
  if (before === undefined || now === undefined) return [];
  const names = Object.keys({ ...before, ...now }).filter((name) => name !== "clock_mhz");
  return names.flatMap((name) => {
    const values = [before[name], now[name]];
    if (values[0] === values[1] || values.some((value) => typeof value === "object")) return [];
    const [there, here] = values.map((value) => value === undefined ? "not told" : String(value));
    return `${name} ${there} there, ${here} now`;
  });
}

/** What engines came to, this run's in place of earlier ones; degrees may differ in the kernels that they chose. */
function engineResolved({ enginesByTp, previous }: RunMetaOptions): Pick<Meta, "engine_resolved"> {
  const fresh = Array.from(enginesByTp ?? [], ([tp, { limits, conditions }]) => {
    const { block_size, max_model_len, num_cache_tokens } = limits;
    const methods = conditions?.["methods"] as ResolvedLimits["methods"];
    return [tp, { block_size, max_model_len, num_cache_tokens, ...methods && { methods } }] as const;
  });
  const per_tp = { ...previous?.engine_resolved?.per_tp, ...Object.fromEntries(fresh) };
  return Object.keys(per_tp).length === 0 ? {} : { engine_resolved: { per_tp } };
}

/** A run that has no skew sweep leaves what was recorded of an earlier one. */
function skewProfile({ settings, previous }: RunMetaOptions, { skewTps }: SessionFacts): SkewProfile {
  if (settings.skipSkew) return previous?.skew_profile ?? { enabled: false };
  return skewTps.length > 0 ? { ...skewProfileSpec(settings), mode: settings.skewMode } : { enabled: false };
}

/** CUDA's version as torch's local version tells it: `+cu128` is 12.8. */
function cudaVersion(runtime: string): string | null {
  const found = /\+cu(\d+)(\d)\b/.exec(runtime);
  return found === null ? null : `${found[1]}.${found[2]}`;
}

function rounded(durationS: SessionFacts["durationS"]): SessionFacts["durationS"] {
  return Object.fromEntries(
    Object.entries(durationS).map(([tp, spent]) => [
      tp,
      Object.fromEntries(Object.entries(spent).map(([category, s]) => [category, roundDecimals(s, 3)])),
    ]),
  );
}
