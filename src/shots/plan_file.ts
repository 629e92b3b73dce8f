/**
 * A plan as a file: JSON Lines, a header and then one shot a line, in the order in which they are fired.
 *
 * @module
 */
import { z } from "zod";
import { pythonFloat } from "../number_format.ts";
import { UsageError } from "../errors.ts";
import { formatJson, parseJson } from "../files/json.ts";
import { architectureSchema } from "../model/architecture.ts";
import { isObject } from "../model/config.ts";
import type { Model, ModelConfig } from "../model/model.ts";
import { type EngineArchitecture, engineArchitecture } from "../model/decoder_layers.ts";
import { hfOverrides, shardConfig } from "../model/shard.ts";
import { shareExperts } from "../model/share_experts.ts";
import { resolveDtype, resolveKvDtype, variantName } from "../model/variant.ts";
import type { Settings } from "../settings.ts";
import { PLANNED_SHAPE, type PlannedSettings, toPlanned } from "../settings/recorded.ts";
import type { Sweep } from "./plan_sweeps.ts";
import { readJson } from "./read_json.ts";
import { attentionShotSchema, shotSchema } from "./schemas.ts";
import { sustainedShots } from "./sustained_shots.ts";
import { sentinelsOf } from "./sentinel_shot.ts";
import type { AttentionShot, Shot } from "./shot.ts";

/** The version of the format. */
export const PLAN_VERSION = 1;

/** The settings that a plan was made with and is to be fired with, what the model leaves open decided. */
export interface PlanSettings extends PlannedSettings {
  /** `<org>/<name>`. */
  readonly model: string;
  /** Label of the hardware. */
  readonly hardware: string;
  /** Name of the bundle's last folder. */
  readonly variant: string;
  /** Revision of the hub that the model's configuration was downloaded from; absent for a file of the user's own. */
  readonly model_revision?: string;
  /** Weight type. */
  readonly dtype: string;
  /** KV cache type, `auto` for the weight type. */
  readonly kv_cache_dtype: string;
}

/** The first line of a plan: all that is needed to boot the engines and fire the shots. */
export interface PlanHeader {
  /** Says what the file is. */
  readonly format: "shotlab-plan";
  /** Version of the format. */
  readonly version: typeof PLAN_VERSION;
  /** What was asked for. */
  readonly settings: PlanSettings;
  /** The configuration to boot, by tensor-parallel degree. */
  readonly configs: Readonly<Record<string, ModelConfig>>;
  /** The configuration with the experts of one device, by how many share them; absent where no shots are planned of it. */
  readonly expert_configs?: Readonly<Record<string, ModelConfig>>;
  /** What sharding set in them, as meta.yaml records it, by tensor-parallel degree. */
  readonly overrides: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The layers to measure. */
  readonly architecture: EngineArchitecture;
  /**
   * The sentinel of each tensor-parallel degree, for all pieces of the plan; without it, plans of before chose it from
   * the shots.
   */
  readonly sentinels?: Readonly<Record<string, AttentionShot>>;
  /** Shots to repeat without a pause after the others of their degree, where the device tells its power and clock. */
  readonly sustained?: readonly Shot[];
}

/** A plan. */
export interface Plan {
  /** What is needed to fire it. */
  readonly header: PlanHeader;
  /** The shots, grouped where neighbours share category and degree. */
  readonly sweeps: readonly Sweep[];
}

const text = z.string({ error: "must be a text" });
/** As it is, so that its numbers stay as they were written. */
const config = z.custom<ModelConfig>(isObject, { error: "must be an object" });
/** What a header must look like; see {@linkcode PlanHeader}. */
export const planHeaderSchema = z.strictObject({
  format: z.literal("shotlab-plan", { error: "must be shotlab-plan" }),
  version: z.literal(PLAN_VERSION, { error: `must be ${PLAN_VERSION}` }),
  settings: z.strictObject({
    model: text,
    hardware: text,
    variant: text,
    model_revision: text.optional(),
    dtype: text,
    kv_cache_dtype: text,
    ...PLANNED_SHAPE,
  }),
  configs: z.record(z.string(), config),
  expert_configs: z.record(z.string(), config).optional(),
  overrides: z.record(z.string(), config),
  architecture: architectureSchema.extend({
    modelType: text,
    sha256: text,
    layers: z.array(z.array(text)).optional(),
  }),
  sentinels: z.record(z.string(), attentionShotSchema).optional(),
  sustained: z.array(shotSchema).optional(),
});

/**
 * The header of a plan.
 *
 * @param settings The settings.
 * @param model The model that they name.
 * @param sweeps All that is planned, from which the sentinels are chosen.
 * @returns The header, with the model sharded to each degree.
 * @throws {UsageError} when the model cannot be sharded to one of the degrees.
 *
 * @example
 * ```ts
 * import { loadModel, resolveSettings } from "shotlab";
 * import { planHeader } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1] });
 * const sweeps = [{ category: "dense", tp: 1, shots: [{ category: "dense", tp: 1, tokens: 16 }] }] as const;
 * const header = planHeader(settings, await loadModel(settings.model), sweeps);
 * assert.deepEqual(Object.keys(header.configs), ["1"]);
 * ```
 */
export function planHeader(settings: Settings, model: Model, sweeps: readonly Sweep[]): PlanHeader {
  const { config, revision } = model;
  const shared = [...new Set(sweeps.flatMap(({ ep }) => ep ?? []))];
  return {
    format: "shotlab-plan",
    version: PLAN_VERSION,
    settings: {
      model: settings.model,
      hardware: settings.hardware,
      variant: variantName({ ...settings, config }),
      ...revision !== undefined && { model_revision: revision },
      dtype: resolveDtype(config, settings.dtype),
      kv_cache_dtype: resolveKvDtype(config, settings.kvCacheDtype),
      ...toPlanned(settings),
    },
    configs: Object.fromEntries(settings.tpDegrees.map((tp) => [tp, shardConfig(config, tp, settings)])),
    ...shared.length > 0 && {
      expert_configs: Object.fromEntries(
        shared.map((ep) => [ep, shareExperts(shardConfig(config, 1, settings), ep)]),
      ),
    },
    overrides: Object.fromEntries(settings.tpDegrees.map((tp) => [tp, hfOverrides(config, tp, settings)])),
    architecture: engineArchitecture(model),
    sentinels: sentinelsOf(sweeps),
    ...!settings.parity && { sustained: sustainedShots(sweeps, settings.sustainShots) },
  };
}

/**
 * Writes a plan.
 *
 * @param header Its header.
 * @param sweeps The shots.
 * @returns The lines, without their ends.
 *
 * @example
 * ```ts
 * import { loadModel, resolveSettings } from "shotlab";
 * import { formatPlan, planHeader } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1] });
 * const sweeps = [{ category: "dense", tp: 1, shots: [{ category: "dense", tp: 1, tokens: 16 }] }] as const;
 * const header = planHeader(settings, await loadModel(settings.model), sweeps);
 * assert.deepEqual([...formatPlan(header, sweeps)].slice(1), ['{"category":"dense","tp":1,"tokens":16}']);
 * ```
 */
export function* formatPlan(header: PlanHeader, sweeps: Iterable<Sweep>): Generator<string> {
  yield formatJson(header);
  for (const { shots } of sweeps) {
    for (const shot of shots) yield shotLine(shot);
  }
}

/** A shot as plans write it: prefills at a place are listed, and say all that a single one would. */
function shotLine(shot: Shot): string {
  if (shot.category !== "attention" || shot.prefills === undefined) return JSON.stringify(shot);
  const { category, tp, prefills, prefill_key: key = 0, n_decode, kv_decode, decode_q_len = 1 } = shot;
  const first = JSON.stringify({ category, tp, prefills }).slice(0, -1);
  const decodes = JSON.stringify({ n_decode, kv_decode, decode_q_len }).slice(1);
  return `${first},"prefill_key":${pythonFloat(key)},${decodes}`;
}

/**
 * Reads a plan.
 *
 * @param lines The lines, without their ends; empty ones are passed over.
 * @param path The file's path, for messages.
 * @returns The plan.
 * @throws {UsageError} when a line breaks a rule, naming the line, the field and the value.
 *
 * @example
 * ```ts
 * import { loadModel, resolveSettings } from "shotlab";
 * import { formatPlan, parsePlan, planHeader } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1] });
 * const sweeps = [{ category: "dense", tp: 1, shots: [{ category: "dense", tp: 1, tokens: 16 }] }] as const;
 * const header = planHeader(settings, await loadModel(settings.model), sweeps);
 * const lines = [...formatPlan(header, sweeps)];
 * assert.equal(lines[1], '{"category":"dense","tp":1,"tokens":16}');
 * assert.deepEqual(parsePlan(lines), { header, sweeps });
 * ```
 */
export function parsePlan(lines: Iterable<string>, path = "the plan"): Plan {
  let header: PlanHeader | undefined;
  const sweeps: (Sweep & { shots: Shot[] })[] = [];
  let row = 0;
  const fail = (rule: string): UsageError => new UsageError(`Cannot read ${path}, line ${row}: ${rule}`);
  for (const line of lines) {
    row++;
    if (line.trim() === "") continue;
    if (header === undefined) {
      header = readJson(planHeaderSchema, line, fail, parseJson) as PlanHeader;
      continue;
    }
    const shot = readJson(shotSchema, line, fail);
    if (!(shot.tp in header.configs)) {
      throw fail(
        `tp must be one that the header has a config for (${Object.keys(header.configs)}), got ${shot.tp}`,
      );
    }
    const { ep = 1 } = shot.category === "moe" ? shot : {};
    if (ep > 1 && !(ep in (header.expert_configs ?? {}))) {
      throw fail(
        `ep must be one that the header has an expert config for (${
          Object.keys(header.expert_configs ?? {}).join() || "none"
        }), got ${ep}`,
      );
    }
    const sweep = sweeps.at(-1);
    if (sweep?.category === shot.category && sweep.tp === shot.tp && (sweep.ep ?? 1) === ep) {
      sweep.shots.push(shot);
    } else {
      sweeps.push({ category: shot.category, tp: shot.tp, ...ep > 1 && { ep }, shots: [shot] });
    }
  }
  if (header === undefined) {
    throw new UsageError(`Cannot read ${path}: it must begin with a header, got no lines`);
  }
  return { header, sweeps };
}
