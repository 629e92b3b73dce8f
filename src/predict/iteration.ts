/**
 * The time of a whole iteration: an architecture's layers, walked over all decoder layers of a model.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { decoderBlock, keySaturation } from "../model/blocks.ts";
import { moeParameters } from "../model/config.ts";
import { type LayerKind, layerKinds } from "../model/kinds.ts";
import type { ExtraGroup, LayerGroup, Model, Mtp } from "../model/model.ts";
import { type Batch, emptyFacts, gatherFacts } from "./batch.ts";
import { batchBlocks, type BlockPool } from "./batch_blocks.ts";
import { checkBatch } from "./checked.ts";
import { type Communication, sentCollectives } from "./communication.ts";
import { type ExpertKernel, type ExpertLoads, unevenExpertsNs } from "./expert_tiles.ts";
import { type Place, placed } from "./interpolate.ts";
import { LookupError } from "./lookup_error.ts";
import type { Predictor } from "./predictor.ts";
import { expectedExperts, expertLoad } from "./routing.ts";
import { readBy } from "./window.ts";

/** The iteration to estimate. */
export interface IterationQuery extends Batch {
  /** The model: its layers, their number, its experts. */
  readonly model: Model;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Devices that share the experts. @default {1 with uniform routing, else tp} */
  readonly ep?: number;
  /** New tokens of each decode: more than 1 where the tokens of a drafter are checked. @default {1} */
  readonly decodeQLen?: number;
  /**
   * Experts of a block that receive tokens; or, of each expert, the share of the tokens that go to it, from which the
   * number is expected that get at least one (Zipf's law, counts of a served model). Rows are of evenly loaded experts:
   * what such shares take longer is estimated where `expertKernel` is told.
   * @default {as `routing` says}
   */
  readonly activatedExperts?: number | readonly number[];
  /** How the experts' kernel cuts tokens into tiles, and on which device: for `activatedExperts` that are shares. */
  readonly expertKernel?: ExpertKernel;
  /**
   * How tokens find experts: `uniform` is what independent, uniform routing over all experts activates on average,
   * E * (1 - (1 - k / E) ** tokens); `simulator` is what the simulator makes of a balanced gate, and `ep`.
   * @default {"simulator" for v1.2, "uniform" for August}
   */
  readonly routing?: "uniform" | "simulator";
  /** KV blocks that the batch may hold, such as `fits` gives: the estimate then says whether there are as many. */
  readonly pool?: BlockPool;
  /** How long the devices take to exchange what they must, as `communicationAt` has it; null leaves it out. @default {null} */
  readonly communication?: Communication | null;
  /** What a server's step takes beside its layers, as `stepModel` makes it: the estimate then has `stepNs`. */
  readonly steps?: StepTimes;
}

/** Times of a server's steps. */
export interface StepTimes {
  /** The time of a step among others of its kind, in microseconds. */
  stepUs(batch: Batch): number;
}

/** What one layer of the model adds, or a collective between its devices. */
export interface LayerContribution {
  /**
   * Stage: prologue, pre_attn, post_attn, mlp_dense, mlp_moe or head; of a drafter also mtp_prologue and mtp_head;
   * communication.
   */
  readonly stage: string;
  /** The layer's name; all_reduce or all_gather of communication. */
  readonly layer: string;
  /** How often it runs. */
  readonly times: number;
  /** Time of one run in nanoseconds. */
  readonly ns: number;
  /** Time of all runs in nanoseconds. */
  readonly totalNs: number;
}

/** The estimate of an iteration. */
export interface IterationEstimate {
  /** Sum of the contributions in nanoseconds. */
  readonly totalNs: number;
  /** New tokens of all requests. */
  readonly tokens: number;
  /** Requests. */
  readonly sequences: number;
  /** The layers in the order in which they first run. */
  readonly contributions: readonly LayerContribution[];
  /**
   * Where the sizes of this batch lie among those that were measured, by layer: beyond them, `extrapolated` times can
   * be far off.
   */
  readonly places: Readonly<Record<string, Place>>;
  /** Layers of the model that the bundle does not hold; they add nothing. */
  readonly skipped: readonly string[];
  /** Sentences that whoever uses the estimate should read, such as that the bundle is of another model. */
  readonly notes: readonly string[];
  /** Where times of communication come from, which are then among the contributions; absent where there are none. */
  readonly communication?: "measured" | "data sheet";
  /**
   * Whether each device computes all experts (`whole`) or its part (`shared`); absent for a model without experts, and
   * at tp 1.
   */
  readonly experts?: "whole" | "shared";
  /** What the total leaves out: communication between devices where the query names none, and all that is not a layer. */
  readonly excludes: readonly ("communication" | "scheduling")[];
  /** KV blocks that the batch holds, and whether they fit; absent without `pool`. */
  readonly kv?: { readonly blocks: number; readonly fits: boolean };
  /** Time of a step of a server with this batch in nanoseconds, host and gaps included; absent without `steps`. */
  readonly stepNs?: number;
}

/**
 * Estimates the time of an iteration: prologue and head once, the blocks once for each hidden layer of their kind.
 *
 * Communication between devices is included where the query says how long collectives take. A layer of a block that the bundle does not hold is skipped, as a
 * simulator does, and named in the result; v1.2 needs those of prologue and head.
 *
 * @param predictor Predictor of the bundle.
 * @param query The model and the batch.
 * @returns The total and what each layer adds, in nanoseconds.
 * @throws {RangeError} when the batch has no request, or a size that is negative or no number.
 * @throws {UsageError} when the model's configuration does not say how many layers it has, or which they are.
 * @throws {LookupError} when the bundle holds no times of a kind that the model cannot be without.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle, predictIteration, predictor } from "shotlab";
 * import assert from "node:assert/strict";
 * const source = predictor(await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16"));
 * const { totalNs, places } = predictIteration(source, {
 *   model: await loadModel("meta-llama/Llama-3.1-8B"),
 *   tp: 1,
 *   prefills: [],
 *   decodes: [{ kv: 1024, count: 16 }],
 * });
 * assert.ok(totalNs > 4e6 && totalNs < 10e6); // some milliseconds
 * assert.equal(places["qkv_proj"], "exact"); // 16 tokens were measured
 * ```
 */
export function predictIteration(predictor: Predictor, query: IterationQuery): IterationEstimate {
  const { model } = query;
  return estimate(predictor, query, [
    ...model.architecture.sequence["prologue"]?.map((layer): Step => ["prologue", layer, 1]) ?? [],
    ...kindSteps(model, layerKinds(model)),
    ...model.architecture.sequence["head"]?.map((layer): Step => ["head", layer, 1]) ?? [],
  ]);
}

/**
 * Estimates the time of one pass of a model's drafter: its prologue, one decoder layer, its head.
 *
 * The first pass of an iteration has the shape of the target's batch, those after it are decodes of one new token.
 *
 * @param predictor Predictor of the bundle.
 * @param query The model, and the batch of the pass.
 * @returns The total and what each layer adds, in nanoseconds.
 * @throws {RangeError} when the batch has no request, or a size that is negative or no number.
 * @throws {UsageError} when the model's architecture describes no drafter, or does not say which MLP it has.
 * @throws {LookupError} when the bundle holds no times of it.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle, predictor } from "shotlab";
 * import { predictDraftPass } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const query = { model, tp: 1, prefills: [], decodes: [{ kv: 64, count: 1 }] };
 * assert.throws(() => predictDraftPass(predictor(bundle, model), query), { name: "UsageError" }); // it has no drafter
 * ```
 */
export function predictDraftPass(predictor: Predictor, query: IterationQuery): IterationEstimate {
  const { model } = query;
  const { mtp, modelType } = model.architecture;
  if (mtp === undefined) {
    throw new UsageError(`Cannot draft with ${model.id}: ${modelType} describes no drafter`);
  }
  return estimate(predictor, query, [
    ...mtp.prologue.map((layer): Step => ["mtp_prologue", layer, 1]),
    ...kindSteps(model, [draftLayer(model, mtp)]),
    ...mtp.head.map((layer): Step => ["mtp_head", layer, 1]),
  ]);
}

/**
 * The kind of a drafter's decoder layer: what its file names, else what all layers of the model have.
 *
 * @param model The model.
 * @param mtp Its drafter.
 * @returns The kind.
 * @throws {UsageError} when the file does not name what the model has several kinds of.
 */
export function draftLayer(model: Model, mtp: Mtp): LayerKind {
  const { attn, sparse = false, mlp = onlyMlp(model) } = mtp.decoder_block ?? onlyAttention(model);
  return { attn, sparse, mlp };
}

/** A layer of a stage, and how often it runs. */
type Step = readonly [stage: string, layer: string, times: number];

function estimate(predictor: Predictor, query: IterationQuery, steps: readonly Step[]): IterationEstimate {
  const { model, tp, decodeQLen = 1 } = query;
  checkBatch(query);
  const facts = emptyFacts();
  gatherFacts(facts, query);
  const tokens = facts.pc + facts.n * decodeQLen;
  const sequences = facts.prefills + facts.n;
  if (sequences === 0) throw new RangeError("Cannot estimate an iteration: the batch has no request");
  const skipped: string[] = [];
  const places: Record<string, Place> = {};

  function layerNs(layer: string): number | null {
    switch (groupOf(model, layer)) {
      case "dense":
        return predictor.dense(tp, layer, tokens);
      case "per_sequence":
        return predictor.perSequence(tp, layer, sequences);
      case "mtp":
        return predictor.mtp(tp, layer, tokens);
      case "linear_attention":
        return predictor.linearAttention(tp, layer, { prefillTokens: facts.pc, nDecode: facts.n });
      case "attention":
        return predictor.batch(tp, readBy(query, layer, model.config), {
          ...Object.keys(model.architecture.catalog.attention).length > 1 || predictor.simulator === "v1.2"
            ? { layer }
            : {},
          decodeQLen,
          saturates: model.architecture.catalog.attention[layer]?.key_saturates ?? false,
          boundTokens: keySaturation(model.config),
        });
      case "moe":
        return expertsNs(predictor, query, tokens);
    }
  }

  function contribution([stage, layer, times]: Step): LayerContribution[] {
    try {
      const { value: ns, place } = placed(() => layerNs(layer));
      if (ns === null) return [];
      places[layer] = place;
      return [{ stage, layer, times, ns, totalNs: ns * times }];
    } catch (error) {
      if (!(error instanceof LookupError) || !maySkip(predictor, stage, error)) throw error;
      if (!skipped.includes(layer)) skipped.push(layer);
      return [];
    }
  }

  const layers = steps
    .filter(([, layer]) => !(layer === "rotary_emb" && predictor.hardware.includes("TPU")))
    .flatMap(contribution);
  const { communication = null } = query;
  const sent = communication === null ? null : sentContributions(query, communication, tokens, sequences);
  const contributions = [...layers, ...sent ?? []];
  const sum = (of: readonly LayerContribution[]): number => of.reduce((sum, { totalNs }) => sum + totalNs, 0);
  const left = communication !== null && sent === null
    ? [`Nobody measured communication between ${plural(tp, "device")}: it is left out`]
    : [];
  return {
    totalNs: sum(contributions),
    tokens,
    sequences,
    contributions,
    places,
    skipped,
    notes: [...otherModel(predictor, model), ...left, ...unevenLoad(predictor, query, layers)],
    ...tp > 1 && layers.some(({ layer }) => groupOf(model, layer) === "moe") && {
      experts: epOf(predictor, query) > 1 ? "shared" as const : "whole" as const,
    },
    excludes: sent === null ? ["communication", "scheduling"] : ["scheduling"],
    ...sent !== null && sent.length > 0 && { communication: communication!.source },
    ...query.pool !== undefined && { kv: batchBlocks(query, query.pool) },
    ...query.steps !== undefined && { stepNs: Math.round(1000 * query.steps.stepUs(query)) },
  };
}

/** The collectives of an iteration; null where nothing is known of so many devices. */
function sentContributions(
  { model, tp }: IterationQuery,
  communication: Communication,
  tokens: number,
  sequences: number,
): LayerContribution[] | null {
  const contributions: LayerContribution[] = [];
  for (const { collective, times, bytes } of sentCollectives(model, tp)({ tokens, sequences })) {
    const us = communication.us({ collective, ranks: tp, bytes });
    if (us === null) return null;
    const ns = Math.round(us * 1000);
    contributions.push({ stage: "communication", layer: collective, times, ns, totalNs: ns * times });
  }
  return contributions;
}

/** Times of another model's layers under the same names: of a derivative right, of any other wrong. */
function otherModel({ model: measured }: Predictor, { id }: Model): string[] {
  if (measured === "" || measured === id) return [];
  return [
    `The bundle is of ${measured}, the estimate of ${id}: it holds where their layers have the same sizes`,
  ];
}

/** What the times of unevenly loaded experts are. */
function unevenLoad(
  predictor: Predictor,
  query: IterationQuery,
  layers: readonly LayerContribution[],
): string[] {
  const { model, activatedExperts, expertKernel } = query;
  if (typeof activatedExperts !== "object") return [];
  if (!layers.some(({ layer }) => groupOf(model, layer) === "moe")) return [];
  return expertKernel === undefined || epOf(predictor, query) > 1
    ? [
      "Experts have the times of an even load; in large batches an uneven one takes longer (see expertKernel)",
    ]
    : ["What an uneven load of experts takes longer is an estimate from the data sheet"];
}

/** Both simulators skip a dense or per_sequence layer that has no rows, v1.2 only within a block. */
function maySkip({ simulator }: Predictor, stage: string, { details }: LookupError): boolean {
  if (details.layer === undefined || !["dense", "per_sequence"].includes(details.category)) return false;
  return simulator === "august" || !["prologue", "head"].includes(stage);
}

function routingOf({ simulator }: Predictor, { routing }: IterationQuery): "uniform" | "simulator" {
  return routing ?? (simulator === "v1.2" ? "simulator" : "uniform");
}

/** Devices that share the experts. */
function epOf(predictor: Predictor, query: IterationQuery): number {
  return query.ep ?? (routingOf(predictor, query) === "uniform" ? 1 : query.tp);
}

/** What an uneven load of experts takes longer, where enough is known for an estimate. */
function unevenNs({ model, expertKernel }: IterationQuery, ep: number, loads: ExpertLoads): number {
  return expertKernel === undefined || ep > 1 ? 0 : unevenExpertsNs(expertKernel, model, loads);
}

function expertsNs(predictor: Predictor, query: IterationQuery, tokens: number): number {
  const { model: { id, config }, activatedExperts } = query;
  const { simulator } = predictor;
  const routing = routingOf(predictor, query);
  const ep = epOf(predictor, query);
  if (typeof activatedExperts === "number") return predictor.moe({ tokens, activatedExperts, ep });
  const moe = moeParameters(config);
  if (moe === null) throw new UsageError(`Cannot walk ${id}: its configuration names no number of experts`);
  if (activatedExperts !== undefined) {
    const load = { tokens, activatedExperts: expectedExperts(activatedExperts, moe, tokens) };
    return predictor.moe({ ...load, ep }) + unevenNs(query, ep, { ...load, shares: activatedExperts });
  }
  if (routing === "uniform") {
    const { numExperts, topK } = moe;
    const expected = Math.round(numExperts * (1 - (1 - topK / numExperts) ** tokens));
    return predictor.moe({ tokens, activatedExperts: expected, ep });
  }
  const load = expertLoad(simulator, moe, { tokens, ep });
  return load.tokens === 0 ? 0 : predictor.moe({ ...load, ep });
}

/** The stages of decoder layers in the order in which they are told. */
const BLOCK_STAGES = ["pre_attn", "post_attn", "mlp_dense", "mlp_moe"] as const;

/** The layers of decoder layers by stage, each with how many of the layers run it. */
function kindSteps(model: Model, kinds: readonly LayerKind[]): Step[] {
  refuseMissingMlp(model, kinds);
  const counts = new Map(BLOCK_STAGES.map((stage) => [stage as string, new Map<string, number>()]));
  const count = (stage: string, names: readonly string[]): void => {
    const own = counts.get(stage);
    for (const name of names) own?.set(name, (own.get(name) ?? 0) + 1);
  };
  for (const kind of kinds) {
    const { pre_attn, post_attn, mlp } = decoderBlock(model.architecture, kind);
    count("pre_attn", pre_attn);
    count("post_attn", post_attn);
    count(`mlp_${kind.mlp}`, mlp);
  }
  return [...counts].flatMap(([stage, own]) =>
    Array.from(own, ([layer, times]): Step => [stage, layer, times])
  );
}

function refuseMissingMlp({ id, config, architecture }: Model, kinds: readonly LayerKind[]): void {
  const { modelType, sequence: { mlp_dense: dense = [], mlp_moe: experts = [] } } = architecture;
  const withDense = kinds.filter(({ mlp }) => mlp === "dense").length;
  if (withDense === 0 || dense.length > 0 || experts.length === 0) return;
  throw new UsageError(
    moeParameters(config) === null
      ? `Cannot walk ${id}: its configuration names no number of experts`
      : `Cannot walk ${id}: ${withDense} of its layers have a dense MLP, and the architecture of ` +
        `${modelType} describes none: add it under mlp_dense`,
  );
}

/** The attention of a drafter whose file does not name it: that of the model's layers, where all have the same. */
function onlyAttention(model: Model): { attn: string; sparse: boolean; mlp?: "dense" | "moe" } {
  const kinds = layerKinds(model);
  const [first, ...others] = new Set(kinds.map(({ attn, sparse }) => `${attn} ${sparse}`));
  if (first !== undefined && others.length === 0) return { attn: kinds[0]!.attn, sparse: kinds[0]!.sparse };
  throw new UsageError(
    `Cannot draft with ${model.id}: mtp of ${model.architecture.modelType} must name its decoder_block, ` +
      "as the model's layers have several kinds of attention",
  );
}

/** The MLP of a drafter whose file does not name it: that of the model's layers, where all have the same. */
function onlyMlp(model: Model): LayerKind["mlp"] {
  const [first, ...others] = new Set(layerKinds(model).map(({ mlp }) => mlp));
  if (first !== undefined && others.length === 0) return first;
  throw new UsageError(
    `Cannot draft with ${model.id}: mtp.decoder_block.mlp of ${model.architecture.modelType} must be dense or moe, ` +
      "as the model's layers have both",
  );
}

function groupOf({ architecture }: Model, layer: string): LayerGroup | ExtraGroup {
  const groups = Object.entries(architecture.catalog) as [LayerGroup | ExtraGroup, object][];
  const found = groups.find(([, layers]) => layer in layers);
  if (found === undefined) {
    throw new UsageError(`Cannot walk ${architecture.modelType}: the catalogue has no layer ${layer}`);
  }
  return found[0];
}
