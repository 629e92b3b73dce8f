/**
 * Measures how long each layer of a language model takes on a piece of hardware, and keeps the times in a bundle
 * that serving simulators read.
 *
 * {@linkcode profile} is the whole job. The pieces that it is made of can be used alone: a {@linkcode loadModel model},
 * a {@linkcode openHarness harness}, a {@linkcode planSweeps plan}, and {@linkcode execute} to fire it.
 *
 * @example Estimate a model's layers on an H100, without the hardware
 * ```ts
 * import { profile, validate } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const perfDir = await Deno.makeTempDir();
 * const bundle = await profile({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   preset: "quick",
 *   harness: "roofline:H100", // leave it out to measure with vLLM on this machine
 *   perfDir,
 * });
 *
 * const [row] = bundle.table(1, "dense").filter(({ layer, key }) => layer === "qkv_proj" && key[0] === 16);
 * assert.ok(row !== undefined && row.timeUs > 0);
 * assert.deepEqual(await validate(bundle.dir), []);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 *
 * @module
 */

// Profile a model
export { profile, type ProfileOptions } from "./src/run/profile.ts";
export {
  DEFAULT_MODELS,
  type ModelOutcome,
  profileAll,
  type ProfileAllInput,
} from "./src/run/profile_all.ts";
export { profileEvents, type ProfileEventsOptions, type SweepName } from "./src/run/profile_events.ts";
export { fitBundle, type FitBundleOptions, type FitReader } from "./src/run/fit_bundle.ts";
export { exportBundle, type Exported, type ExportOptions } from "./src/run/export_bundle.ts";
export { refresh } from "./src/run/refresh.ts";
export type {
  BootedEvent,
  BootingEvent,
  ConnectedEvent,
  EstimatedEvent,
  FailedShot,
  FailedShotEvent,
  FinishedEvent,
  FittedEvent,
  MeasuringAgainEvent,
  NoticeEvent,
  PlannedEvent,
  RunEvent,
  SentinelEvent,
  ShotEvent,
  StartingEvent,
  SweepFinishedEvent,
  SweepStartedEvent,
} from "./src/events.ts";

// Settings
export {
  type AdaptiveTarget,
  type Preset,
  resolveSettings,
  type Settings,
  type SettingsInput,
} from "./src/settings.ts";

// Models and their layers
export { loadConfig, type LoadedConfig, loadModel, type LoadModelOptions } from "./src/model/load_model.ts";
export { type CatalogueEntry, type CatalogueOptions, listModels } from "./src/model/catalogue.ts";
export { countParameters, type ParameterCount } from "./src/model/parameters.ts";
export { fewestLayers, type FewLayers } from "./src/model/fewest_layers.ts";
export { type EngineArchitecture, engineArchitecture } from "./src/model/decoder_layers.ts";
export { hfOverrides, shardConfig, type ShardOptions } from "./src/model/shard.ts";
export { modelNotices, type NoticeOptions, unmeasuredNotices } from "./src/model/notices.ts";
export { loadArchitecture } from "./src/model/architecture.ts";
export { type Layer, layersOf } from "./src/model/layers.ts";
export {
  resolveDtype,
  resolveKvDtype,
  variantName,
  type VariantOptions,
  weightsDtype,
} from "./src/model/variant.ts";
export { type DecoderBlock, decoderBlock, keySaturation } from "./src/model/blocks.ts";
export type { MoeParameters } from "./src/model/config.ts";
export { kindName, type LayerKind, layerKinds, type LayerRun, layerRuns } from "./src/model/kinds.ts";
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

// Find out what a model consists of
export {
  architectureCoverage,
  type Inspection,
  inspectModel,
  type InspectOptions,
} from "./src/inspect/inspect_model.ts";
export type { Uncovered, WalkCoverage } from "./src/inspect/coverage.ts";
export type { CacheGroup, Walk, WalkedRequests, WalkNode } from "./src/harness/walk.ts";

// Plan what to fire
export { type PlanOptions, planSweeps, type Sweep } from "./src/shots/plan_sweeps.ts";
export type { AttentionGrid } from "./src/shots/attention_shots.ts";
export type { AttentionGridSpec as MetaAttentionGrid, AxisSpec } from "./src/shots/axis_spec.ts";
export {
  formatPlan,
  parsePlan,
  type Plan,
  PLAN_VERSION,
  type PlanHeader,
  planHeader,
  type PlanSettings,
} from "./src/shots/plan_file.ts";
export type { SkewGrid } from "./src/shots/skew_axes.ts";
export type { SkewCase } from "./src/shots/skew_cases.ts";
export { SKEW_PARTS, type SkewMode, type SkewPart } from "./src/shots/skew_parts.ts";
export type { SkewPlanOptions } from "./src/shots/skew_plan.ts";
export { splitPlan } from "./src/shots/split_plan.ts";
export { parseLimits } from "./src/shots/limits_file.ts";
export type { Limits } from "./src/shots/limits.ts";
export {
  type AttentionShot,
  CATEGORIES,
  type Category,
  CATEGORY_ORDER,
  type CategoryShape,
  type DenseShot,
  type MoeShot,
  type PerSequenceShot,
  type Shot,
  shotKey,
  type SkewShot,
  type SweepCategory,
} from "./src/shots/shot.ts";

// Harnesses: what boots an engine and fires shots
export {
  type HarnessCommand,
  harnessCommand,
  openHarness,
  type OpenHarnessOptions,
} from "./src/harness/open.ts";
export { conformance, type Finding } from "./src/conformance/conformance.ts";
export type { BenchOptions as ConformanceOptions } from "./src/conformance/bench.ts";
export type { ChildOptions } from "./src/harness/child.ts";
export { type ProcessOptions, startProcessHarness } from "./src/harness/process.ts";
export { replayHarness, type ReplayOptions } from "./src/harness/replay.ts";
export { type HardwareSheet, loadHardware } from "./src/roofline/hardware.ts";
export { rooflineHarness, type RooflineOptions } from "./src/harness/estimate/roofline.ts";
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
export type { Precision, Quantity } from "./src/quantity.ts";
export type { Processor } from "./src/processor.ts";

// Fire a plan into a bundle
export { execute, type ExecuteOptions } from "./src/run/execute.ts";
export type {
  Evidence,
  FactOrigin,
  FailedOrigin,
  Recorder,
  Samples,
  SentinelReading,
} from "./src/store/recorder.ts";
export type { Confirm } from "./src/store/wipe.ts";
export type { SentinelOptions } from "./src/workers/sentinel_watch.ts";
export { sentinelShot } from "./src/shots/sentinel_shot.ts";
export type { Doubts, Verdict } from "./src/journal/judge.ts";
export type { News } from "./src/journal/references.ts";
export { usualDriftShare } from "./src/journal/sentinel.ts";
export { type Lane, type LaneFire, type LaneSource, type LaneStep, openLane } from "./src/workers/lane.ts";
export { openPool, type PoolMember, type PoolOptions } from "./src/workers/pool.ts";
export {
  openSession,
  type Session,
  type SessionFacts,
  type SessionOptions,
  type StartOptions,
} from "./src/store/session.ts";
export type { Watch } from "./src/journal/line.ts";
export type { Clocks } from "./src/journal/clock_range.ts";
export type { JournalFile } from "./src/journal/file.ts";
export { type Identity, identityOf } from "./src/journal/identity.ts";

// Measure a part, predict the rest
export type { AdaptiveOptions, RoundEstimate } from "./src/run/round_sweep.ts";
export { type Budget, openBudget } from "./src/run/budget.ts";
export type { Estimate } from "./src/store/estimates.ts";
export { adaptAttention, type AdaptedAttention, type AdaptOptions } from "./src/adaptive/attention.ts";
export type { DesignOptions } from "./src/adaptive/design.ts";
export type { Answers, Measure } from "./src/adaptive/answers.ts";
export type { AttentionKernel } from "./src/adaptive/layout.ts";
export type { ErrorBound, TableErrors } from "./src/adaptive/held_out.ts";

// Plans fired away from their bundle
export { firePlan } from "./src/run/fire_plan.ts";
export type { OpenLanesOptions } from "./src/workers/open_lanes.ts";
export { ingest, type Ingested, type IngestOptions } from "./src/run/ingest.ts";

// What stands behind the rows
export { readEvidence, type RowEvidence, type ShotEvidence } from "./src/journal/evidence.ts";
export type { ShotId } from "./src/shots/shot_id.ts";
export { relativeError, relativeSpread } from "./src/stats.ts";

// Read and check bundles
export { type Bundle, openBundle, type WholeBundle } from "./src/bundle/open.ts";
export { validate, type ValidateOptions } from "./src/check/validate.ts";
export { type Issue, renderIssue } from "./src/bundle/issue.ts";
export { bundlePath } from "./src/bundle/layout.ts";
export type { EstimatedRow } from "./src/bundle/estimated.ts";
export type { Row } from "./src/bundle/tables.ts";
export type { SkewRow } from "./src/bundle/skew.ts";
export type { SkewFitRow } from "./src/bundle/skew_fit.ts";
export { type Simulator, SIMULATORS } from "./src/bundle/simulator.ts";
export type { SkewCell } from "./src/bundle/skew_cells.ts";
export type { SkewShape } from "./src/bundle/skew_shapes.ts";
export type { KernelTable } from "./src/bundle/whole_table.ts";
export type {
  AdaptiveEntry,
  AdaptiveProfile,
  BucketAxes,
  EngineEffective,
  EngineResolved,
  Meta,
  Noise,
  ResolvedLimits,
  SkewFit,
  SkewFitEntry,
  SkewProfile,
  Sustained,
} from "./src/bundle/meta.ts";

// Fit skew corrections
export { type Fit, type FitInput, type FitMethod, fitSkew } from "./src/fit/fit_skew.ts";
export type { FitOptions } from "./src/fit/fit_degree.ts";
export { type DegreeReport, formatReports } from "./src/fit/report.ts";
export type { OutOfSample, SplitOptions } from "./src/fit/cross_validation.ts";
export type { RegimeErrors } from "./src/fit/regime_errors.ts";
export type { ErrorFigures } from "./src/fit/errors.ts";
export type { PrefillGrid } from "./src/fit/prefill_grid.ts";

// Predict times from a bundle
export {
  type AttentionQuery,
  type BatchKernel,
  type DeviceActivity,
  type KernelQuery,
  type MoeQuery,
  type Predictor,
  predictor,
  type PredictorOptions,
  type PredictorSource,
} from "./src/predict/predictor.ts";
export { type Batch, type BatchFacts, batchOf, type Decodes, type Prefill } from "./src/predict/batch.ts";
export type { AttentionTrace, AxisTrace, BatchRule, BatchTrace, CornerTrace } from "./src/predict/explain.ts";
export type { AlphaSource } from "./src/predict/alpha.ts";
export { LookupError, type LookupErrorDetails } from "./src/predict/lookup_error.ts";
export {
  type IterationEstimate,
  type IterationQuery,
  type LayerContribution,
  predictDraftPass,
  predictIteration,
  type StepTimes,
} from "./src/predict/iteration.ts";
export type { Place } from "./src/predict/interpolate.ts";
export { prefillKey } from "./src/predict/prefill_key.ts";
export { type ExpertLoad, expertLoad } from "./src/predict/routing.ts";

// From layers to a server
export { type StepModel, stepModel, type StepModelOptions } from "./src/serving/step_model.ts";
export type { LaunchKind, StepTerms } from "./src/serving/step_terms.ts";
export type { ClockTerm, StepWork } from "./src/serving/timeline.ts";
export type { JudgedSteps } from "./src/serving/judge_steps.ts";
export { type SimulatedRequest, simulateServer, type Simulation } from "./src/serving/simulate_server.ts";
export type { LatencySummary, Spread } from "./src/serving/latencies.ts";
export { type CacheKind, type Capacity, type CapacityOptions, fits } from "./src/serving/capacity.ts";
export { batchBlocks, type BlockPool } from "./src/predict/batch_blocks.ts";
export { type ErrorSource, type IterationError, iterationError } from "./src/serving/iteration_error.ts";
export {
  type CandidateBundle,
  type Deployment,
  type DeploymentPoint,
  type LatencyTargets,
  planDeployment,
  type PlanDeploymentInput,
} from "./src/serving/plan_deployment.ts";
export type { Link } from "./src/serving/link.ts";
export { serverOf, type ServerSettings } from "./src/serving/server.ts";
export {
  atRate,
  formatLoad,
  type Load,
  type LoadRequest,
  parseLoad,
  type ParseLoadOptions,
} from "./src/serving/load.ts";
export {
  CHAT_LENGTHS,
  generateLoad,
  type GenerateLoadOptions,
  type Lengths,
} from "./src/serving/generate_load.ts";
export {
  parseServed,
  type Served,
  type ServedHead,
  type ServedRequest,
  type ServedSettings,
  type ServedStep,
  type StepGroup,
} from "./src/serving/served.ts";
export {
  formatServedRequests,
  formatServedSteps,
  latenciesOf,
  parseServedSteps,
  readServedSteps,
  writeServed,
} from "./src/serving/served_files.ts";

// Errors
export { HarnessError, type HarnessErrorDetails, UsageError } from "./src/errors.ts";
