/**
 * What the settings of a run ask for when it is to fire a part of its shots.
 *
 * @module
 */
import type { TableErrors } from "../adaptive/held_out.ts";
import { seenBy } from "../adaptive/local_shots.ts";
import { roundDecimals } from "../number_format.ts";
import type { AdaptiveEntry, AdaptiveProfile } from "../bundle/meta.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { multiprocessorsOf } from "../roofline/hardware.ts";
import type { HarnessInfo } from "../harness/harness.ts";
import { sizesOf } from "../roofline/sizes.ts";
import type { Architecture, ModelConfig } from "../model/model.ts";
import { formatDuration } from "../progress/duration.ts";
import type { Settings } from "../settings.ts";
import { type Budget, openBudget } from "./budget.ts";
import { openPrior } from "./prior_tables.ts";
import type { AdaptiveOptions, RoundEstimate } from "./round_sweep.ts";
import type { Session, SessionFacts } from "../store/session.ts";
import { timedLayers } from "../store/timed_layers.ts";

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
   * Begins a degree, before its engine boots: its share of the budget runs from now on.
   *
   * @param degreesLeft Degrees that share what is left of the budget.
   */
  begin(degreesLeft: number): void;
  /**
   * How the degree that was begun last is fired, once its engine is booted.
   *
   * @param tp Tensor-parallel degree.
   * @param config The configuration after sharding.
   * @param architecture The model's layers: each kernel of its attention is predicted by itself.
   * @param lastingS How long shots are repeated after the sweeps, in seconds.
   */
  booted(tp: number, config: ModelConfig, architecture: Architecture, lastingS: number): AdaptiveOptions;
  /** Ends the degree that was begun last. */
  end(): void;
  /** What a budget was spent on, in a sentence; null without one. */
  account(): string | null;
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

/** Options of {@linkcode adaptiveRun}. */
export interface AdaptiveRunOptions {
  /** Folders of bundles to lean on beside the settings' prior, those that count more at last. @default {none} */
  readonly earlier?: readonly string[];
  /** A clock, in milliseconds. @default {performance.now} */
  readonly nowMs?: () => number;
  /** When the budget began by that clock. @default {now} */
  readonly begunMs?: number;
}

/**
 * Prepares a run that fires a part of its shots.
 *
 * @param settings The settings.
 * @param session Where what is predicted is shown.
 * @param options What it leans on, and its clock.
 * @returns The run, null when the settings ask for all shots.
 * @throws {UsageError} when a prior cannot be opened, or its model is not known.
 */
export async function adaptiveRun(
  settings: Settings,
  session: Session,
  options: AdaptiveRunOptions = {},
): Promise<AdaptiveRun | null> {
  const { earlier = [], nowMs = (): number => performance.now(), begunMs = nowMs() } = options;
  const { adaptive: target, budget, seed, configDir } = settings;
  if (target === null && budget === null) return null;
  const prior = await openPrior(settings.prior === null ? earlier : [...earlier, settings.prior], settings);
  const found = new Map<number, Partial<Record<RoundEstimate["category"], RoundEstimate>>>();
  let multiprocessors = ASSUMED;
  const secondsSince = (ms: number): number => (nowMs() - ms) / 1000;
  const leftS = (): number => Math.max(0, (budget ?? Infinity) - secondsSince(begunMs));
  const spent = { bootingS: 0, firingS: 0, thinkingS: 0 };
  let share: Budget | null = null;
  let degreeMs = 0;
  let bootedMs = 0;
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
    begin(degreesLeft): void {
      degreeMs = nowMs();
      if (budget !== null) share = openBudget(leftS() / degreesLeft, nowMs);
    },
    booted(tp, config, architecture, lastingS): AdaptiveOptions {
      bootedMs = nowMs();
      share?.reserve("dense", lastingS);
      const { heads, kvHeads } = sizesOf(config, 2, 2);
      return {
        target,
        kernel: { heads, kvHeads, multiprocessors },
        layers: timedLayers(architecture, "attention", tp).map(({ name, layer }) => ({
          layer,
          ...layer !== null && { seen: (shot) => seenBy(shot, name, config) },
        })),
        seed,
        session,
        ...prior !== null && { prior: prior.tables(multiprocessors) },
        ...share !== null && { budget: share },
        onEstimate: (each) => void found.set(tp, { ...found.get(tp), [each.category]: each }),
      };
    },
    end(): void {
      lastS = secondsSince(degreeMs);
      const thinkingS = share?.thoughtS ?? 0;
      spent.bootingS += (bootedMs - degreeMs) / 1000;
      spent.firingS += secondsSince(bootedMs) - thinkingS;
      spent.thinkingS += thinkingS;
    },
    account(): string | null {
      if (budget === null) return null;
      const { bootingS, firingS, thinkingS } = spent;
      return `The budget was ${formatDuration(budget)}, and the run took ${
        formatDuration(secondsSince(begunMs))
      }: booting ` +
        `${formatDuration(bootingS)}, firing ${formatDuration(firingS)}, choosing and predicting ` +
        formatDuration(thinkingS);
    },
    shortFor(tps): string | null {
      const left = leftS();
      if (left >= lastS) return null;
      return `tp ${tps.join(", ")} ${tps.length === 1 ? "is" : "are"} left out: the degree before took ` +
        `${formatDuration(lastS)} of the budget, of which ${formatDuration(left)} are left`;
    },
    skewRows: () => new Map([...found].map(([tp, { skew }]) => [tp, skew?.skew ?? []])),
    profile: () => ({
      ...target !== null && { target },
      ...budget !== null && { budget_s: budget },
      seed,
      ...prior !== null && { prior: prior.names.join(", ") },
      per_tp: Object.fromEntries(
        [...found].map(([tp, { attention, skew }]) => [tp, {
          ...attention && { attention: entryOf(attention) },
          ...skew && { skew: entryOf(skew) },
        }]),
      ),
    }),
  };
}

function entryOf({ estimated, errors, scatter, prior }: RoundEstimate): AdaptiveEntry {
  return {
    estimated,
    held_out: errors.shots,
    ...figures("rel_err", errors, "estimate"),
    ...figures("upper", errors, "upper"),
    ...scatter && {
      scatter_p50: rounded(scatter.p50),
      scatter_p90: rounded(scatter.p90),
      scatter_p99: rounded(scatter.p99),
    },
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
