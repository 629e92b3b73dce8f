/**
 * Looks at bundles: data frames, figures, reports, and all of them in a notebook.
 *
 * It stands apart from `mod.ts` because it loads polars and plotly, which measuring does not need.
 *
 * @example Draw a heat map of the attention times that a roofline estimates for an H100
 * ```ts
 * import { profile } from "./mod.ts";
 * import { attentionMap, frames, saveFigure, subjectOf } from "./view.ts";
 * import assert from "node:assert/strict";
 *
 * const perfDir = await Deno.makeTempDir();
 * const bundle = await profile({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   preset: "quick",
 *   harness: "roofline:H100",
 *   perfDir,
 * });
 * assert.deepEqual(frames(bundle).dense(1).columns, ["layer", "tokens", "time_us"]);
 * const map = attentionMap({ subject: subjectOf(bundle, 1), rows: bundle.table(1, "attention"), chunk: 0 });
 * await saveFigure(map, `${perfDir}/attention.png`);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 *
 * @module
 */

// Data frames
export { type Frames, frames } from "./src/view/frames/frames.ts";
export { longFrame, type LongTable } from "./src/view/frames/long_frame.ts";
export { predictedFrame, predictedSkewFrame } from "./src/view/frames/predicted_frame.ts";
export { samplesFrame } from "./src/view/frames/samples_frame.ts";
export {
  type ClockReading,
  type Drift,
  type LayerSamples,
  readClocks,
  readDrifts,
  readSamples,
  readTimeline,
  type Timeline,
} from "./src/view/timeline.ts";
export { predictRow, predictSkew } from "./src/view/predictions.ts";
export { type AdaptivePart, partErrors, type PartErrorsOptions } from "./src/view/part_errors.ts";
export { type EstimatedTable, type EstimateOptions, estimateRows } from "./src/view/estimate.ts";

// Figures
export { type Figure, type Subject, subjectOf, type Trace } from "./src/view/figure.ts";
export { figureCsv } from "./src/view/figure_csv.ts";
export { type Choice, figureMenu } from "./src/view/figure_menu.ts";
export { type Theme, themed } from "./src/view/theme.ts";
export { type Achieved, type AchievedOptions, type AchievedRows, achievedRows } from "./src/view/achieved.ts";
export { type AttentionMap, attentionMap, prefillMap } from "./src/view/figures/attention_map.ts";
export { attentionSlices } from "./src/view/figures/attention_slices.ts";
export { type CoverageMap, coverageMap } from "./src/view/figures/coverage_map.ts";
export { type DeploymentFigure, deploymentFigure } from "./src/view/figures/deployment.ts";
export { type DiffMap, diffMap, type DiffSummary, diffSummary } from "./src/view/figures/diff_map.ts";
export { type ErrorCurve, type ErrorOverShots, errorOverShots } from "./src/view/figures/error_over_shots.ts";
export {
  type IterationTimeline,
  iterationTimeline,
  type IterationTimes,
  iterationTimes,
  type NamedIteration,
} from "./src/view/figures/iteration.ts";
export {
  bundleCommunication,
  type DecodeIterations,
  decodeIterations,
  type IterationBatch,
  type IterationColumn,
  iterationTable,
} from "./src/view/iterations.ts";
export { type LatencyOverRate, latencyOverRate } from "./src/view/figures/latency_over_rate.ts";
export { type LayerTimes, layerTimes } from "./src/view/figures/layer_times.ts";
export { linearAttentionMap } from "./src/view/figures/linear_attention_map.ts";
export { moeMap } from "./src/view/figures/moe_map.ts";
export { type Noise, noise } from "./src/view/figures/noise.ts";
export { rooflinePlot } from "./src/view/figures/roofline_plot.ts";
export { skewAlpha } from "./src/view/figures/skew_alpha.ts";
export {
  predictedOverMeasured,
  type Prediction,
  type Predictions,
  residuals,
} from "./src/view/figures/skew_predicted.ts";
export { type TpScaling, tpScaling } from "./src/view/figures/tp_scaling.ts";
export { figurePng, figureSvg, type PngOptions, saveFigure } from "./src/view/render/render.ts";

// Compare and cover
export {
  type BundleDiff,
  diffBundles,
  type MetaDiff,
  type RatioRow,
  ratioRows,
  type TableDiff,
} from "./src/check/diff.ts";
export { type AttentionCoverage, type CoverageCell, type Place } from "./src/check/attention_coverage.ts";
export { type Coverage, coverage, type LayerCoverage } from "./src/check/coverage.ts";
export { type CoverageNeed, ownNeed } from "./src/check/coverage_need.ts";
export { skewScale } from "./src/check/skew_scale.ts";
export { diffTable } from "./src/view/report/diff_sections.ts";
export { type IssueLine, issueTable } from "./src/view/report/issue_table.ts";
export { bundleFacts, type Fact } from "./src/view/report/facts.ts";
export { bundleReport, comparisonReport } from "./src/view/report/report.ts";
export type { Communication, Transfer } from "./src/predict/communication.ts";
export type { Collective } from "./src/bundle/collectives_file.ts";
export type { BundleReportOptions } from "./src/view/report/bundle_sections.ts";

// Notebooks
export { show, type Showable, type ShowOptions } from "./src/view/notebook/show.ts";
export { interruptible, profileShown } from "./src/view/notebook/profile_shown.ts";
export { type NotebookProgress, notebookProgress } from "./src/view/notebook_progress.ts";
export { engineInstalled } from "./src/view/notebook/engine.ts";
export { type TableOptions, type Tabular } from "./src/view/table.ts";

// The types that these take and give
export type { ErrorBound, TableErrors } from "./src/adaptive/held_out.ts";
export type { EstimatedRow } from "./src/bundle/estimated.ts";
export type { Issue } from "./src/bundle/issue.ts";
export type {
  AdaptiveEntry,
  AdaptiveProfile,
  BucketAxes,
  EngineEffective,
  EngineResolved,
  Meta,
  Noise as MetaNoise,
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
export type { Place as LookupPlace } from "./src/predict/interpolate.ts";
export type { IterationEstimate, LayerContribution } from "./src/predict/iteration.ts";
export type {
  AttentionQuery,
  BatchKernel,
  KernelQuery,
  MoeQuery,
  Predictor,
} from "./src/predict/predictor.ts";
export type { Processor } from "./src/processor.ts";
export type { Precision, Quantity } from "./src/quantity.ts";
export type { HardwareSheet } from "./src/roofline/hardware.ts";
export type { ProfileOptions } from "./src/run/profile.ts";
export type { Loan, ProfileEventsOptions, SweepName } from "./src/run/profile_events.ts";
export type { IterationError } from "./src/serving/iteration_error.ts";
export type { JudgedSteps } from "./src/serving/judge_steps.ts";
export type { LatencySummary, Spread } from "./src/serving/latencies.ts";
export type { Deployment, DeploymentPoint } from "./src/serving/plan_deployment.ts";
export type { Preset, Settings, SettingsInput } from "./src/settings.ts";
export type { AttentionGridSpec, AxisSpec } from "./src/shots/axis_spec.ts";
export type { CacheGroup, Limits } from "./src/shots/limits.ts";
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
export type { SkewCase } from "./src/shots/skew_cases.ts";
export type { SKEW_PARTS, SkewMode, SkewPart } from "./src/shots/skew_parts.ts";
export type { Confirm } from "./src/store/wipe.ts";
