/**
 * For builders: the pieces that a run is made of: plans, lanes and pools, sessions, journals, budgets.
 *
 * @module
 */
export { planSweeps } from "./src/shots/plan_sweeps.ts";
export { firePlan } from "./src/run/fire_plan.ts";
export { adaptAttention } from "./src/adaptive/attention.ts";
export { resolveSettings } from "./src/settings.ts";
export { formatPlan, parsePlan, PLAN_VERSION, planHeader } from "./src/shots/plan_file.ts";
export { SKEW_PARTS } from "./src/shots/skew_parts.ts";
export { splitPlan } from "./src/shots/split_plan.ts";
export { parseLimits } from "./src/shots/limits_file.ts";
export { CATEGORIES, CATEGORY_ORDER, shotKey } from "./src/shots/shot.ts";
export { execute } from "./src/run/execute.ts";
export { sentinelShot } from "./src/shots/sentinel_shot.ts";
export { usualDriftShare } from "./src/journal/sentinel.ts";
export { openLane } from "./src/workers/lane.ts";
export { openPool } from "./src/workers/pool.ts";
export { openSession } from "./src/store/session.ts";
export { identityOf } from "./src/journal/identity.ts";
export { openBudget } from "./src/run/budget.ts";
export { relativeError, relativeSpread } from "./src/stats.ts";

// The types that these take and give
export type { Answers, Measure } from "./src/adaptive/answers.ts";
export type {
  AdaptedAttention,
  AdaptOptions,
  AttentionLayer,
  PredictedRow,
} from "./src/adaptive/attention.ts";
export type { DesignOptions } from "./src/adaptive/design.ts";
export type { ErrorBound, TableErrors } from "./src/adaptive/held_out.ts";
export type { AttentionKernel } from "./src/adaptive/layout.ts";
export type { PriorTable } from "./src/adaptive/prior.ts";
export type { EstimatedRow } from "./src/bundle/estimated.ts";
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
export type { SkewRow } from "./src/bundle/skew.ts";
export type { Row } from "./src/bundle/tables.ts";
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
export type { OutOfSample } from "./src/fit/cross_validation.ts";
export type { ErrorFigures } from "./src/fit/errors.ts";
export type { FitMethod } from "./src/fit/fit_skew.ts";
export type { RegimeErrors } from "./src/fit/regime_errors.ts";
export type { DegreeReport } from "./src/fit/report.ts";
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
export type { Clocks } from "./src/journal/clock_range.ts";
export type { JournalFile } from "./src/journal/file.ts";
export type { Identity } from "./src/journal/identity.ts";
export type { Doubts, Verdict } from "./src/journal/judge.ts";
export type { Watch } from "./src/journal/line.ts";
export type { News } from "./src/journal/references.ts";
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
export type { Budget } from "./src/run/budget.ts";
export type { ExecuteOptions } from "./src/run/execute.ts";
export type { AdaptiveOptions, RoundEstimate } from "./src/run/round_sweep.ts";
export type { AdaptiveTarget, Preset, Settings, SettingsInput } from "./src/settings.ts";
export type { AttentionGrid } from "./src/shots/attention_shots.ts";
export type { AttentionGridSpec, AxisSpec } from "./src/shots/axis_spec.ts";
export type { CacheGroup, Limits, LocalChunk } from "./src/shots/limits.ts";
export type { Plan, PlanHeader, PlanSettings } from "./src/shots/plan_file.ts";
export type { PlanOptions, Sweep } from "./src/shots/plan_sweeps.ts";
export type {
  AttentionShot,
  Category,
  CategoryShape,
  DenseShot,
  LinearAttentionShot,
  MoeShot,
  PerSequenceShot,
  Shot,
  SkewShot,
  SweepCategory,
} from "./src/shots/shot.ts";
export type { SkewGrid } from "./src/shots/skew_axes.ts";
export type { SkewCase } from "./src/shots/skew_cases.ts";
export type { SkewMode, SkewPart } from "./src/shots/skew_parts.ts";
export type { SkewPlanOptions } from "./src/shots/skew_plan.ts";
export type { Estimate } from "./src/store/estimates.ts";
export type {
  Evidence,
  FactOrigin,
  FailedOrigin,
  Recorder,
  Samples,
  SentinelReading,
  SpentTime,
} from "./src/store/recorder.ts";
export type { Session, SessionFacts, SessionOptions, StartOptions } from "./src/store/session.ts";
export type { Confirm } from "./src/store/wipe.ts";
export type { Lane, LaneFire, LaneSource, LaneStep } from "./src/workers/lane.ts";
export type { OpenLanesOptions } from "./src/workers/open_lanes.ts";
export type { PoolMember, PoolOptions } from "./src/workers/pool.ts";
export type { SentinelOptions } from "./src/workers/sentinel_watch.ts";
