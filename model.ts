/**
 * For builders: what models consist of: configurations, architectures, kinds of layers, ranks.
 *
 * @module
 */
export { loadConfig, loadModel } from "./src/model/load_model.ts";
export { listModels } from "./src/model/catalogue.ts";
export { hfOverrides, shardConfig } from "./src/model/shard.ts";
export { countParameters } from "./src/model/parameters.ts";
export { fewestLayers } from "./src/model/fewest_layers.ts";
export { engineArchitecture, ownArchitecture } from "./src/model/decoder_layers.ts";
export { modelNotices } from "./src/model/notices.ts";
export { loadArchitecture } from "./src/model/architecture.ts";
export { layersOf } from "./src/model/layers.ts";
export { resolveDtype, resolveKvDtype, variantName, weightsDtype } from "./src/model/variant.ts";
export { decoderBlock, keySaturation } from "./src/model/blocks.ts";
export { kindName, layerKinds, layerRuns } from "./src/model/kinds.ts";
export { architectureCoverage, inspectModel } from "./src/inspect/inspect_model.ts";

// The types that these take and give
export type {
  Booted,
  BootRequest,
  CallOptions,
  DeviceState,
  FailureKind,
  FireFact,
  FireOptions,
  FireRequest,
  FoundLayer,
  Harness,
  HarnessInfo,
  ShotOutcome,
  Stop,
  SustainedFact,
  SustainedTimes,
  SustainRequest,
} from "./src/harness/harness.ts";
export type { Walk, WalkedRequests, WalkNode } from "./src/harness/walk.ts";
export type { Uncovered, WalkCoverage } from "./src/inspect/coverage.ts";
export type { Inspection, InspectOptions } from "./src/inspect/inspect_model.ts";
export type { DecoderBlock } from "./src/model/blocks.ts";
export type { CatalogueEntry, CatalogueOptions } from "./src/model/catalogue.ts";
export type { EngineArchitecture } from "./src/model/decoder_layers.ts";
export type { FewLayers } from "./src/model/fewest_layers.ts";
export type { LayerKind, LayerRun } from "./src/model/kinds.ts";
export type { Layer } from "./src/model/layers.ts";
export type { LoadedConfig, LoadModelOptions } from "./src/model/load_model.ts";
export type {
  Architecture,
  AttentionBlock,
  Blocks,
  CatalogEntry,
  ExtraGroup,
  LayerGroup,
  Model,
  ModelConfig,
  Mtp,
} from "./src/model/model.ts";
export type { NoticeOptions } from "./src/model/notices.ts";
export type { ParameterCount } from "./src/model/parameters.ts";
export type { ShardOptions } from "./src/model/shard.ts";
export type { VariantOptions } from "./src/model/variant.ts";
export type { Processor } from "./src/processor.ts";
export type { Precision, Quantity } from "./src/quantity.ts";
export type { CacheGroup, Limits } from "./src/shots/limits.ts";
export type {
  AttentionShot,
  DenseShot,
  LinearAttentionShot,
  MoeShot,
  PerSequenceShot,
  Shot,
  SkewShot,
} from "./src/shots/shot.ts";
export type { SkewCase } from "./src/shots/skew_cases.ts";
export type { SKEW_PARTS, SkewPart } from "./src/shots/skew_parts.ts";
