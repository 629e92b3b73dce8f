/**
 * What the settings of a run ask for when it is to fire a part of its shots.
 *
 * @module
 */
import type { TableErrors } from "../adaptive/held_out.ts";
import { roundDecimals } from "../number_format.ts";
import type { AdaptiveEntry, AdaptiveProfile } from "../bundle/meta.ts";
import { openBundle } from "../bundle/open.ts";
import { UsageError } from "../errors.ts";
import { layersOf } from "../model/layers.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { multiprocessorsOf } from "../roofline/hardware.ts";
import type { HarnessInfo } from "../harness/harness.ts";
import { sizesOf } from "../roofline/sizes.ts";
import type { Architecture, ModelConfig } from "../model/model.ts";
import { formatDuration } from "../progress/duration.ts";
import type { Settings } from "../settings.ts";
import type { AdaptiveOptions, RoundEstimate } from "./round_sweep.ts";
import { openBudget } from "./budget.ts";
import type { Session, SessionFacts } from "../store/session.ts";

/** Multiprocessors of a device that nobody has described: those of an A100. */
const ASSUMED = 108;

/** A run that fires a part of its shots. */
export interface AdaptiveRun {
  /**
   * Finds out about the device.
   *
   * @param info Its name, and the processor where it is one.
   * @returns What a user should know, in sentences.
   */
  setDevice(info: Pick<HarnessInfo, "device" | "processor">): Promise<string[]>;
  /**
   * How a degree is fired; its share of the budget begins now.
   *
   * @param tp Tensor-parallel degree.
   * @param config The configuration after sharding.
   * @param degreesLeft Degrees that share what is left of the budget.
   */
  begin(tp: number, config: ModelConfig, degreesLeft: number): AdaptiveOptions;
  /** Ends the degree that was begun last. */
  end(): void;
  /**
   * Whether too little of the budget is left for another degree; a higher one takes less time than the one before.
   *
   * @param tps The degrees that follow.
   * @returns The sentence that says they are left out; null when enough is left for the next one.
   */
  shortFor(tps: readonly number[]): string | null;
  /** Skew cases whose time is predicted, by degree. */
  skewRows(): Map<number, readonly SkewRow[]>;
  /** meta.yaml's block about what was found so far. */
  profile(): AdaptiveProfile;
}

/**
 * Refuses to fire a part of the shots of a model with several attention kernels: what is chosen and predicted is the
 * time of one.
 *
 * @param settings The settings.
 * @param architecture The model's layers.
 * @throws {UsageError} when they ask for a part and there are several kernels, naming them.
 */
export function refuseSeveralKernels(
  { adaptive, budget, onlySkew }: Pick<Settings, "adaptive" | "budget" | "onlySkew">,
  architecture: Architecture,
): void {
  const kernels = layersOf(architecture, "attention").map(({ name }) => name);
  if ((adaptive === null && budget === null) || onlySkew || kernels.length < 2) return;
  throw new UsageError(
    `Cannot fire a part of the shots: attention of ${architecture.modelType} has ${kernels.length} kernels ` +
      `(${
        kernels.join(", ")
      }), and the rows of one alone are predicted; leave adaptive (--adaptive) and budget ` +
      "(--budget) out, or take a smaller grid",
  );
}

/**
 * Prepares a run that fires a part of its shots.
 *
 * @param settings The settings.
 * @param session Where what is predicted is shown.
 * @param nowMs A clock, in milliseconds.
 * @returns The run, null when the settings ask for all shots.
 * @throws {UsageError} when the prior cannot be opened.
 */
export async function adaptiveRun(
  settings: Settings,
  session: Session,
  nowMs: () => number = () => performance.now(),
): Promise<AdaptiveRun | null> {
  const { adaptive: target, budget, seed, configDir } = settings;
  if (target === null && budget === null) return null;
  const prior = settings.prior === null ? null : await openBundle(settings.prior);
  const found = new Map<number, Partial<Record<RoundEstimate["category"], RoundEstimate>>>();
  let multiprocessors = ASSUMED;
  let spentS = 0;
  let shareS = Infinity;
  let begun = 0;
  let lastS = 0;
  return {
    async setDevice({ device, processor }): Promise<string[]> {
      const known = processor?.cores ?? await multiprocessorsOf(device, configDir);
      if (known !== null) multiprocessors = known;
      return known !== null ? [] : [
        `${configDir}/hardware describes no ${device}: ${ASSUMED} multiprocessors are assumed, with another number ` +
        `predictions are worse`,
      ];
    },
    begin(tp, config, degreesLeft): AdaptiveOptions {
      begun = nowMs();
      if (budget !== null) shareS = Math.max(0, budget - spentS) / degreesLeft;
      const { heads, kvHeads } = sizesOf(config, 2, 2);
      const rows = prior?.table(prior.tps.includes(tp) ? tp : prior.tps[0] ?? 1, "attention") ?? [];
      return {
        target,
        kernel: { heads, kvHeads, multiprocessors },
        seed,
        session,
        ...rows.length > 0 && { prior: rows },
        ...budget !== null && { budget: openBudget(shareS) },
        onEstimate: (each) => void found.set(tp, { ...found.get(tp), [each.category]: each }),
      };
    },
    end(): void {
      // The last predictions, which end later than the share, are at nobody's cost.
      lastS = Math.min(shareS, (nowMs() - begun) / 1000);
      spentS += lastS;
    },
    shortFor(tps): string | null {
      const leftS = (budget ?? Infinity) - spentS;
      if (leftS >= lastS) return null;
      return `tp ${tps.join(", ")} ${tps.length === 1 ? "is" : "are"} left out: the degree before took ` +
        `${formatDuration(lastS)} of the budget, of which ${formatDuration(leftS)} are left`;
    },
    skewRows: () => new Map([...found].map(([tp, { skew }]) => [tp, skew?.skew ?? []])),
    profile: () => ({
      ...target !== null && { target },
      ...budget !== null && { budget_s: budget },
      seed,
      ...prior !== null && { prior: nameOf(prior.meta) },
      per_tp: Object.fromEntries(
        [...found].map(([tp, { attention, skew }]) => [tp, {
          ...attention && { attention: entryOf(attention) },
          ...skew && { skew: entryOf(skew) },
        }]),
      ),
    }),
  };
}

function nameOf(
  { hardware, model, variant }: { hardware?: string; model?: string; variant?: string },
): string {
  return [hardware, model, variant].filter((part) => part !== undefined).join("/");
}

function entryOf({ estimated, errors, prior }: RoundEstimate): AdaptiveEntry {
  return {
    estimated,
    held_out: errors.shots,
    ...figures("rel_err", errors, "estimate"),
    ...figures("upper", errors, "upper"),
    ...prior && { p90_without_prior: rounded(prior.without), p90_with_prior: rounded(prior.with) },
  };
}

function figures<N extends "rel_err" | "upper">(
  name: N,
  errors: TableErrors,
  bound: "estimate" | "upper",
): Record<`${N}_p50` | `${N}_p90` | `${N}_p99`, number | null> {
  const of = (level: "p50" | "p90" | "p99"): number | null => rounded(errors[level][bound]);
  return { [`${name}_p50`]: of("p50"), [`${name}_p90`]: of("p90"), [`${name}_p99`]: of("p99") } as ReturnType<
    typeof figures<N>
  >;
}

/** Null where too few shots are known to say. */
function rounded(share: number): number | null {
  return Number.isFinite(share) ? roundDecimals(share, 4) : null;
}

/**
 * meta.yaml's block about what is predicted.
 *
 * @param previous The block before.
 * @param now What this run has found; undefined when it fires all shots.
 * @param facts What the bundle holds.
 * @param wholeSkew Degrees whose skew cases this run fires as a whole.
 * @returns The block, undefined when nothing is predicted.
 */
export function adaptiveProfile(
  previous: AdaptiveProfile | undefined,
  now: AdaptiveProfile | undefined,
  { estimated }: Pick<SessionFacts, "estimated">,
  wholeSkew: readonly number[],
): AdaptiveProfile | undefined {
  const block = now ?? previous;
  if (block === undefined) return undefined;
  const degrees = Object.entries({ ...previous?.per_tp, ...now?.per_tp }).flatMap(([tp, entry]) => {
    const { attention, skew = previous?.per_tp[tp]?.skew } = entry;
    const left = {
      ...attention && estimated[tp] !== undefined &&
        { attention: { ...attention, estimated: estimated[tp] } },
      ...skew && skew.estimated > 0 && !wholeSkew.includes(Number(tp)) && { skew },
    };
    return Object.keys(left).length === 0 ? [] : [[tp, left] as const];
  });
  return degrees.length === 0 ? undefined : { ...block, per_tp: Object.fromEntries(degrees) };
}
