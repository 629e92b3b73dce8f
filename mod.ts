/**
 * Measures how long each layer of a language model takes on a piece of hardware, and keeps the times in a bundle
 * that serving simulators read.
 *
 * {@linkcode profile} is the whole job. The pieces that it is made of can be used alone: a {@linkcode loadModel model},
 * a {@linkcode openHarness harness}, a {@linkcode planSweeps plan}, and {@linkcode execute} to fire it.
 *
 * @example Estimate a model's layers on an H100, without the hardware
 * ```ts
 * import { profile, validate } from "shotlab";
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
export { profile } from "./src/run/profile.ts";
export { DEFAULT_MODELS, profileAll } from "./src/run/profile_all.ts";
export { profileEvents } from "./src/run/profile_events.ts";
export { refresh } from "./src/run/refresh.ts";
export { resolveSettings } from "./src/settings.ts";
export { loadModel } from "./src/model/load_model.ts";
export { listModels } from "./src/model/catalogue.ts";

// Plan, fire elsewhere, take in
export { planSweeps } from "./src/shots/plan_sweeps.ts";
export { firePlan } from "./src/run/fire_plan.ts";
export { ingest } from "./src/run/ingest.ts";

// Read, check and export bundles
export { openBundle } from "./src/bundle/open.ts";
export { validate } from "./src/check/validate.ts";
export { readEvidence } from "./src/journal/evidence.ts";
export { renderIssue } from "./src/bundle/issue.ts";
export { exportBundle } from "./src/run/export_bundle.ts";

// Fit skew corrections
export { fitBundle } from "./src/run/fit_bundle.ts";
export { fitSkew } from "./src/fit/fit_skew.ts";

// Predict times from a bundle
export { predictor } from "./src/predict/predictor.ts";
export { predictIteration } from "./src/predict/iteration.ts";
export { iterationError } from "./src/serving/iteration_error.ts";
export { fits } from "./src/serving/capacity.ts";

// From layers to a server
export { stepModel } from "./src/serving/step_model.ts";
export { simulateServer } from "./src/serving/simulate_server.ts";
export { generateLoad } from "./src/serving/generate_load.ts";
export { readServedSteps } from "./src/serving/served_files.ts";
export { planDeployment } from "./src/serving/plan_deployment.ts";

// Steps of a device that rests in between
export { afterRestNs, LIMIT_REACTION_NS } from "./src/predict/after_rest.ts";

// Experts of an uneven load
export { bundleExpertKernel } from "./src/predict/expert_tiles.ts";

// What devices exchange
export { measureCollectives } from "./src/run/measure_collectives.ts";
export { readCollectives } from "./src/bundle/collectives_file.ts";
export {
  communicationAt,
  measuredCommunication,
  sentCollectives,
  sheetCommunication,
} from "./src/predict/communication.ts";

// Notebooks and scripts that open an engine themselves
export { openHarness } from "./src/harness/open.ts";
export { adaptAttention } from "./src/adaptive/attention.ts";
export { type Preflight, preflight, shotCounts } from "./src/run/preflight.ts";
export { shardConfig } from "./src/model/shard.ts";

// Errors
export { HarnessError, UsageError } from "./src/errors.ts";
export { LookupError } from "./src/predict/lookup_error.ts";

// The types that these take and give
export type { Answers, Measure } from "./src/adaptive/answers.ts";
export type { AdaptedAttention, AdaptOptions, PredictedRow } from "./src/adaptive/attention.ts";
export type { DesignOptions } from "./src/adaptive/design.ts";
export type { ErrorBound, TableErrors } from "./src/adaptive/held_out.ts";
export type { AttentionKernel } from "./src/adaptive/layout.ts";
export type { PriorTable } from "./src/adaptive/prior.ts";
export type { EstimatedRow } from "./src/bundle/estimated.ts";
export type { Issue } from "./src/bundle/issue.ts";
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
export type { Bundle, WholeBundle } from "./src/bundle/open.ts";
export type { Simulator } from "./src/bundle/simulator.ts";
export type { SkewRow } from "./src/bundle/skew.ts";
export type { SkewCell } from "./src/bundle/skew_cells.ts";
export type { SkewFitRow } from "./src/bundle/skew_fit.ts";
export type { SkewShape } from "./src/bundle/skew_shapes.ts";
export type { Row } from "./src/bundle/tables.ts";
export type { KernelTable } from "./src/bundle/whole_table.ts";
export type { ValidateOptions } from "./src/check/validate.ts";
export type { HarnessErrorDetails } from "./src/errors.ts";
export type {
  BootedEvent,
  BootingEvent,
  CompleteEvent,
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
  Scatter,
  SentinelEvent,
  ShotEvent,
  StartingEvent,
  SweepFinishedEvent,
  SweepStartedEvent,
} from "./src/events.ts";
export type { OutOfSample, SplitOptions } from "./src/fit/cross_validation.ts";
export type { ErrorFigures } from "./src/fit/errors.ts";
export type { FitOptions } from "./src/fit/fit_degree.ts";
export type { Fit, FitInput, FitMethod } from "./src/fit/fit_skew.ts";
export type { PrefillGrid } from "./src/fit/prefill_grid.ts";
export type { RegimeErrors } from "./src/fit/regime_errors.ts";
export type { DegreeReport } from "./src/fit/report.ts";
export type { ChildOptions } from "./src/harness/child.ts";
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
export type { OpenHarnessOptions } from "./src/harness/open.ts";
export type { ProcessOptions } from "./src/harness/process.ts";
export type { Walk, WalkedRequests, WalkNode } from "./src/harness/walk.ts";
export type { RowEvidence, ShotEvidence } from "./src/journal/evidence.ts";
export type { CatalogueEntry, CatalogueOptions } from "./src/model/catalogue.ts";
export type { EngineArchitecture } from "./src/model/decoder_layers.ts";
export type { LoadModelOptions } from "./src/model/load_model.ts";
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
export type { ParameterCount } from "./src/model/parameters.ts";
export type { ShardOptions } from "./src/model/shard.ts";
export type { StepTimesByState } from "./src/predict/after_rest.ts";
export type { AlphaSource } from "./src/predict/alpha.ts";
export type { Batch, BatchFacts, Decodes, Prefill } from "./src/predict/batch.ts";
export type { BlockPool } from "./src/predict/batch_blocks.ts";
export type {
  AttentionTrace,
  AxisTrace,
  BatchRule,
  BatchTrace,
  CornerTrace,
  SliceKey,
} from "./src/predict/explain.ts";
export type { ExpertKernel } from "./src/predict/expert_tiles.ts";
export type { Place } from "./src/predict/interpolate.ts";
export type {
  IterationEstimate,
  IterationQuery,
  LayerContribution,
  StepTimes,
} from "./src/predict/iteration.ts";
export type { LookupErrorDetails } from "./src/predict/lookup_error.ts";
export type {
  AttentionQuery,
  BatchKernel,
  DeviceActivity,
  KernelQuery,
  MoeQuery,
  Predictor,
  PredictorOptions,
  PredictorSource,
} from "./src/predict/predictor.ts";
export type { Processor } from "./src/processor.ts";
export type { Precision, Quantity } from "./src/quantity.ts";
export type { HardwareSheet } from "./src/roofline/hardware.ts";
export type { Exported, ExportOptions } from "./src/run/export_bundle.ts";
export type { NetworkLink } from "./src/run/export_host.ts";
export type {
  CollectivesPlan,
  MeasureCollectivesOptions,
  MeasuredCollectives,
} from "./src/run/measure_collectives.ts";
export type { FitBundleOptions, FitReader } from "./src/run/fit_bundle.ts";
export type { Ingested, IngestOptions } from "./src/run/ingest.ts";
export type { ProfileOptions } from "./src/run/profile.ts";
export type { ModelOutcome, ProfileAllInput } from "./src/run/profile_all.ts";
export type { Loan, ProfileEventsOptions, SweepName } from "./src/run/profile_events.ts";
export type { CacheKind, Capacity, CapacityOptions } from "./src/serving/capacity.ts";
export type { GenerateLoadOptions, Lengths } from "./src/serving/generate_load.ts";
export type { ErrorSource, IterationError } from "./src/serving/iteration_error.ts";
export type { JudgedSteps } from "./src/serving/judge_steps.ts";
export type { LatencySummary, Spread } from "./src/serving/latencies.ts";
export type { Communication, Link, SentCollective, Transfer } from "./src/predict/communication.ts";
export type {
  Collective,
  Collectives,
  CollectiveSample,
  CollectivesHead,
  CollectivesRun,
  CollectiveWay,
} from "./src/bundle/collectives_file.ts";
export type { Load, LoadRequest } from "./src/serving/load.ts";
export type {
  CandidateBundle,
  Deployment,
  DeploymentPoint,
  LatencyTargets,
  PlanDeploymentInput,
} from "./src/serving/plan_deployment.ts";
export type {
  Served,
  ServedHead,
  ServedRequest,
  ServedSettings,
  ServedStep,
  StepGroup,
} from "./src/serving/served.ts";
export type { ServerSettings } from "./src/serving/server.ts";
export type { SimulatedRequest, Simulation } from "./src/serving/simulate_server.ts";
export type { StepModel, StepModelOptions } from "./src/serving/step_model.ts";
export type { LaunchKind, StepTerms } from "./src/serving/step_terms.ts";
export type { ClockTerm, StepWork } from "./src/serving/timeline.ts";
export type { Preset, Settings, SettingsInput } from "./src/settings.ts";
export type { AttentionGrid } from "./src/shots/attention_shots.ts";
export type { AttentionGridSpec, AxisSpec } from "./src/shots/axis_spec.ts";
export type { CacheGroup, Limits, LocalChunk } from "./src/shots/limits.ts";
export type { Plan, PLAN_VERSION, PlanHeader, PlanSettings } from "./src/shots/plan_file.ts";
export type { PlanOptions, Sweep } from "./src/shots/plan_sweeps.ts";
export type {
  AttentionShot,
  Category,
  DenseShot,
  LinearAttentionShot,
  MoeShot,
  PerSequenceShot,
  Shot,
  SkewShot,
  SweepCategory,
} from "./src/shots/shot.ts";
export type { ShotId } from "./src/shots/shot_id.ts";
export type { SkewGrid } from "./src/shots/skew_axes.ts";
export type { SkewCase } from "./src/shots/skew_cases.ts";
export type { SKEW_PARTS, SkewMode, SkewPart } from "./src/shots/skew_parts.ts";
export type { SkewPlanOptions } from "./src/shots/skew_plan.ts";
export type { Confirm } from "./src/store/wipe.ts";
export type { OpenLanesOptions } from "./src/workers/open_lanes.ts";
