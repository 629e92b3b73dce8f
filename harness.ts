/**
 * For builders: harnesses, which boot an engine and fire shots: those that come with the project, what one must be, and
 * whether one is.
 *
 * @module
 */
export { harnessCommand, openHarness } from "./src/harness/open.ts";
export { conformance } from "./src/conformance/conformance.ts";
export { startProcessHarness } from "./src/harness/process.ts";
export { replayHarness } from "./src/harness/replay.ts";
export { loadHardware } from "./src/roofline/hardware.ts";
export { rooflineHarness } from "./src/harness/estimate/roofline.ts";

// The types that these take and give
export type { BenchOptions } from "./src/conformance/bench.ts";
export type { Finding } from "./src/conformance/conformance.ts";
export type { ChildOptions } from "./src/harness/child.ts";
export type { RooflineOptions } from "./src/harness/estimate/roofline.ts";
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
export type { HarnessCommand, OpenHarnessOptions } from "./src/harness/open.ts";
export type { ProcessOptions } from "./src/harness/process.ts";
export type { ReplayOptions } from "./src/harness/replay.ts";
export type { Walk, WalkedRequests, WalkNode } from "./src/harness/walk.ts";
export type { EngineArchitecture } from "./src/model/decoder_layers.ts";
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
export type { Processor } from "./src/processor.ts";
export type { Precision, Quantity } from "./src/quantity.ts";
export type { HardwareSheet } from "./src/roofline/hardware.ts";
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
