/**
 * For builders: what stands between the rows of a bundle and a server: lookups, routing, KV blocks, loads and served
 * steps in their files.
 *
 * @module
 */
export { bundlePath } from "./src/bundle/layout.ts";
export { SIMULATORS } from "./src/bundle/simulator.ts";
export { formatReports } from "./src/fit/report.ts";
export { batchOf } from "./src/predict/batch.ts";
export { predictDraftPass } from "./src/predict/iteration.ts";
export { prefillKey } from "./src/predict/prefill_key.ts";
export { expertLoad } from "./src/predict/routing.ts";
export { batchBlocks } from "./src/predict/batch_blocks.ts";
export { serverOf } from "./src/serving/server.ts";
export { cacheGroups } from "./src/serving/capacity.ts";
export { atRate, formatLoad, parseLoad } from "./src/serving/load.ts";
export { CHAT_LENGTHS } from "./src/serving/generate_load.ts";
export { parseServed } from "./src/serving/served.ts";
export {
  formatServedRequests,
  formatServedSteps,
  latenciesOf,
  parseServedSteps,
  writeServed,
} from "./src/serving/served_files.ts";

// The types that these take and give
export type { Simulator } from "./src/bundle/simulator.ts";
export type { OutOfSample } from "./src/fit/cross_validation.ts";
export type { ErrorFigures } from "./src/fit/errors.ts";
export type { RegimeErrors } from "./src/fit/regime_errors.ts";
export type { DegreeReport } from "./src/fit/report.ts";
export type { MoeParameters } from "./src/model/config.ts";
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
export type { Communication, Transfer } from "./src/predict/communication.ts";
export type { Collective } from "./src/bundle/collectives_file.ts";
export type { ExpertKernel } from "./src/predict/expert_tiles.ts";
export type { Place } from "./src/predict/interpolate.ts";
export type {
  IterationEstimate,
  IterationQuery,
  LayerContribution,
  StepTimes,
} from "./src/predict/iteration.ts";
export type {
  AttentionQuery,
  BatchKernel,
  KernelQuery,
  MoeQuery,
  Predictor,
} from "./src/predict/predictor.ts";
export type { ExpertLoad } from "./src/predict/routing.ts";
export type { HardwareSheet } from "./src/roofline/hardware.ts";
export type { CapacityOptions } from "./src/serving/capacity.ts";
export type { CacheGroup } from "./src/shots/limits.ts";
export type { Lengths } from "./src/serving/generate_load.ts";
export type { Load, LoadRequest, ParseLoadOptions } from "./src/serving/load.ts";
export type {
  Served,
  ServedHead,
  ServedRequest,
  ServedSettings,
  ServedStep,
  StepGroup,
} from "./src/serving/served.ts";
export type { ServerSettings } from "./src/serving/server.ts";
