/**
 * Finds out which layers a model consists of, by walking an engine that has a layer of each kind.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { HarnessError, UsageError } from "../errors.ts";
import type { Booted, Harness } from "../harness/harness.ts";
import type { Walk, WalkedRequests } from "../harness/walk.ts";
import { parseArchitecture } from "../model/architecture.ts";
import { decoderLayers, type EngineArchitecture, ownArchitecture } from "../model/decoder_layers.ts";
import { fewestLayers } from "../model/fewest_layers.ts";
import { kindName, type LayerKind, layerKinds } from "../model/kinds.ts";
import type { Architecture, Model } from "../model/model.ts";
import { shardConfig } from "../model/shard.ts";
import type { Limits } from "../shots/limits.ts";
import { formatShare } from "../view/text.ts";
import { coverageOf, type WalkCoverage } from "./coverage.ts";
import { draftArchitecture, MOST_DUST } from "./draft.ts";
import { formatArchitecture } from "./format.ts";

/** The largest share of a forward's kernels that no layer may cover. */
const MOST_UNCOVERED = 0.01;
/** Degrees that are tried beside 1, to see which layers do not depend on it. */
const DEGREES = [2, 4, 3, 5, 7];
const TOKENS = 2048;
const SEQUENCES = 16;

/** How a model is inspected. */
export interface InspectOptions {
  /** What boots it; one that can walk. */
  readonly harness: Harness;
  /** Type of the weights, `auto` for the configuration's own. @default {"auto"} */
  readonly dtype?: string;
  /** Type of the KV cache, `auto` for that of the weights. @default {"auto"} */
  readonly kvCacheDtype?: string;
  /** Ends the inspection. */
  readonly signal?: AbortSignal;
  /** Is told in a sentence what is done next. */
  readonly onStep?: (step: string) => void;
}

/** What an inspection found. */
export interface Inspection {
  /** The architecture, as the text says it. */
  readonly architecture: Architecture;
  /** The architecture file's YAML. */
  readonly text: string;
  /** What its layers cover, for prefills, decodes and both together. */
  readonly coverage: readonly WalkCoverage[];
  /** The walk that says so: of every call the layer that it belongs to. */
  readonly walk: Walk;
  /** Kinds of the model's decoder layers. */
  readonly kinds: readonly LayerKind[];
}

/**
 * Drafts the architecture of a model: boots the fewest layers that show every kind of decoder layer, walks a prefill,
 * a decode and a batch of both, and again at a second degree; then boots with what it found, to see what is covered.
 *
 * @param model The model's name, configuration and type.
 * @param options What boots it, and in which types.
 * @returns The draft and what it covers.
 * @throws {UsageError} when layers of one kind are not alike, or no name tells what a module is.
 * @throws {HarnessError} when the harness cannot boot or walk the model, with the engine's reason; or when layers cover
 * less than 99% of a forward's kernels, naming the modules that launch the rest.
 *
 * @example
 * ```ts
 * import { loadModel, openHarness } from "shotlab";
 * import { inspectModel } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const harness = await openHarness("roofline:H100"); // an estimate has no modules to walk; "vllm" has
 * await assert.rejects(inspectModel({ ...model, modelType: model.architecture.modelType }, { harness }), /cannot walk/);
 * ```
 */
export async function inspectModel(
  model: Pick<Model, "id" | "config"> & { readonly modelType: string },
  options: InspectOptions,
): Promise<Inspection> {
  const { overrides, kinds } = fewestLayers(model);
  const none = emptyArchitecture(model.modelType);
  options.onStep?.(
    `booting ${plural(Number(overrides.num_hidden_layers), "layer")} of ${model.id}: ${kindsInWords(kinds)}`,
  );
  const { walk, batches, booted } = await bootAndWalk(model, 1, none, options);
  const sharded = await walkSharded(model, none, batches, options);
  const { engine, engine_version, device } = options.harness.info;
  const comment = [
    `Drafted from ${model.id}, ${engine} ${engine_version} on ${device}: read it, and change what it got wrong.`,
    `KV blocks of ${plural(booted.limits.block_size, "token")}; ${kindsInWords(layerKinds(model))}.`,
    ...sharded === null
      ? ["No second degree could be booted: no layer is said to be independent of it."]
      : [],
  ];
  const drafted = (mostDust: number): Pick<Inspection, "architecture" | "text"> => {
    const draft = draftArchitecture({ kinds, model: layerKinds(model), walk, sharded, batches, mostDust });
    const text = formatArchitecture(draft, { comment });
    return { architecture: parseArchitecture(text, `${model.modelType}.yaml`), text };
  };
  const checked = async (draft: Pick<Inspection, "architecture" | "text">): Promise<Inspection> => ({
    ...draft,
    ...await architectureCoverage({ ...model, architecture: draft.architecture }, options),
    kinds: layerKinds(model),
  });
  const lean = drafted(MOST_DUST);
  const whole = drafted(0);
  if (lean.text === whole.text) return checked(lean);
  try {
    return await checked(lean);
  } catch (error) {
    // What seemed next to nothing in one walk may be more in the next, on a host that does other work beside.
    if (!(error instanceof HarnessError && error.details.stage === "walk")) throw error;
    options.onStep?.("naming what blocks launch beside their modules too");
    return checked(whole);
  }
}

/**
 * What the layers of an architecture cover of a model's forwards, for prefills, decodes and both together.
 *
 * @param model The model; its architecture may be written by hand.
 * @param options What boots it, and in which types.
 * @returns The coverage of each batch, and the walk that says so.
 * @throws {HarnessError} when the harness cannot boot or walk it, or more than 1% is not covered, naming the modules.
 *
 * @example
 * ```ts
 * import { loadModel, openHarness } from "shotlab";
 * import { architectureCoverage } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const harness = await openHarness("roofline:H100"); // an estimate has no modules to walk; "vllm" has
 * await assert.rejects(architectureCoverage(model, { harness }), /cannot walk/);
 * ```
 */
export async function architectureCoverage(
  model: Model,
  options: InspectOptions,
): Promise<Pick<Inspection, "coverage" | "walk">> {
  const { kinds } = fewestLayers(model);
  const layers = decoderLayers(model.architecture, kinds);
  options.onStep?.(`walking ${model.id} with the layers of ${model.architecture.modelType}`);
  const { walk } = await bootAndWalk(model, 1, { ...ownArchitecture(model), layers }, options);
  const coverage = coverageOf(walk, kinds, layerKinds(model));
  const bare = coverage.find(({ uncovered }) => uncovered > MOST_UNCOVERED);
  if (bare === undefined) return { coverage, walk };
  const [worst] = bare.modules;
  throw new HarnessError(
    `Cannot use the layers of ${model.architecture.modelType} for ${model.id}: of a ${bare.batch} ` +
      `${formatShare(bare.uncovered)} of the kernels belong to no layer, at most ${
        formatShare(MOST_UNCOVERED)
      } may; ` +
      `most of them, ${formatShare(worst!.share)}, in ${worst!.module} (${
        worst!.kernels.slice(0, 3).join(", ")
      }); ` +
      "name it in the architecture file",
    { stage: "walk", kind: "unsupported" },
  );
}

/** A walk at the first degree that the model can be sharded to and the engine boots, null for none. */
async function walkSharded(
  model: Pick<Model, "id" | "config">,
  architecture: Architecture,
  batches: Readonly<Record<string, WalkedRequests>>,
  options: InspectOptions,
): Promise<Walk | null> {
  for (const tp of DEGREES) {
    try {
      options.onStep?.(`booting tp ${tp}`);
      return (await bootAndWalk(model, tp, architecture, options, batches)).walk;
    } catch (error) {
      const cannot = error instanceof UsageError ||
        (error instanceof HarnessError && error.details.kind === "unsupported");
      if (!cannot) throw error;
    }
  }
  return null;
}

async function bootAndWalk(
  model: Pick<Model, "id" | "config">,
  tp: number,
  architecture: EngineArchitecture,
  { harness, dtype = "auto", kvCacheDtype = "auto", signal }: InspectOptions,
  given?: Readonly<Record<string, WalkedRequests>>,
): Promise<{ walk: Walk; batches: Readonly<Record<string, WalkedRequests>>; booted: Booted }> {
  if (harness.walk === undefined) {
    throw new UsageError(
      `Cannot inspect with the harness '${harness.info.harness}': it cannot walk; use vllm`,
    );
  }
  const call = signal === undefined ? {} : { signal };
  const booted = await harness.boot({
    config: shardConfig(model.config, tp),
    architecture,
    tp,
    dtype,
    kv_cache_dtype: kvCacheDtype,
    block_size: null,
    max_num_batched_tokens: TOKENS,
    max_num_seqs: SEQUENCES,
  }, call);
  const batches = given ?? batchesWithin(booted.limits);
  return { walk: await harness.walk(batches, call), batches, booted };
}

/** Batches of a size that a running server has, within what an engine allows. */
function batchesWithin(limits: Limits): Record<string, WalkedRequests> {
  const tokens = Math.min(
    1024,
    Math.floor(limits.max_num_batched_tokens / 2),
    Math.floor(limits.max_model_len / 4),
  );
  const history = Math.min(2048, Math.floor(limits.max_model_len / 2));
  const part = (of: number, share: number): number => Math.max(1, Math.floor(of * share));
  const decode = (share: number): WalkedRequests[number] => ({ newTokens: 1, history: part(history, share) });
  return {
    prefill: [3 / 8, 5 / 8].map((share) => ({ newTokens: part(tokens, share), history: 0 })),
    decode: [1, 1 / 2, 1 / 4, 1 / 7].map(decode),
    mixed: [
      { newTokens: part(tokens, 1 / 2), history: part(tokens, 1 / 2) },
      ...[1, 1 / 2, 1 / 3].map(decode),
    ],
  };
}

function emptyArchitecture(modelType: string): Architecture {
  return {
    modelType,
    sequence: {},
    catalog: { dense: {}, per_sequence: {}, attention: {}, moe: {} },
    sha256: "",
  };
}

function kindsInWords(kinds: readonly LayerKind[]): string {
  const names = kinds.map((kind) => kindName(kind).replace(/\/plain$/, ""));
  return [...new Set(names)].map((name) => `${names.filter((other) => other === name).length} ${name}`).join(
    ", ",
  );
}
