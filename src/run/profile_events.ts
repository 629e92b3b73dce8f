/**
 * The main job as a stream of events.
 *
 * @module
 */
import { resolve } from "node:path";
import { keepThreads } from "../adaptive/side_by_side.ts";
import { bundlePath } from "../bundle/layout.ts";
import { refuseLinks } from "../files/links.ts";
import { UsageError } from "../errors.ts";
import { hideSecrets } from "../hide_secrets.ts";
import type { Booted, Harness } from "../harness/harness.ts";
import { emulationNotices } from "../processor.ts";
import { loadModel } from "../model/load_model.ts";
import type { ModelConfig } from "../model/model.ts";
import { modelNotices } from "../model/notices.ts";
import { engineArchitecture } from "../model/decoder_layers.ts";
import { hfOverrides, shardConfig } from "../model/shard.ts";
import { shareExperts } from "../model/share_experts.ts";
import { resolveDtype, resolveKvDtype, variantName, variantNotices } from "../model/variant.ts";
import type { Settings } from "../settings.ts";
import type { Limits } from "../shots/limits.ts";
import { leftOutNotice, planSweeps, type Sweep } from "../shots/plan_sweeps.ts";
import type { Shot } from "../shots/shot.ts";
import type { RunEvent } from "../events.ts";
import { chosenSweeps, type SweepName, toSettle } from "./chosen_sweeps.ts";
import { adaptiveRun } from "./adaptive_session.ts";
import { completePlan, hashOfAsked } from "./complete_degree.ts";
import { isDue } from "./due.ts";
import { execute } from "./execute.ts";
import { firingOptions, journalSentinel, watchOf } from "./firing_options.ts";
import { fitBundle } from "./fit_bundle.ts";
import { identityOf } from "../journal/identity.ts";
import { laneName, openLanes } from "../workers/open_lanes.ts";
import { chosenQuantity } from "./quantity.ts";
import { journalSettings } from "../settings/recorded.ts";
import { runMeta } from "./run_meta.ts";
import { openSession, type Session } from "../store/session.ts";
import type { Confirm } from "../store/wipe.ts";
import { sustainedShots } from "../shots/sustained_shots.ts";
import { sourceSha256 } from "./source_hash.ts";

export type { SweepName };

const PRIOR_UNUSED =
  "The prior (--prior) is of no use here: nothing is predicted without adaptive (--adaptive) or budget (--budget)";

/** Options of {@linkcode profileEvents}. */
export interface ProfileEventsOptions {
  /** Ends the run: what was measured is kept, and the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** A harness in place of the one that the settings name; it is left open, and not replaced when it breaks. */
  readonly harness?: Harness;
  /** Opens harnesses in place of the one that the settings name: one for each device, again when one breaks. */
  readonly open?: (devices: readonly number[]) => Promise<Harness>;
  /** Receives the lines that the harness logs. */
  readonly onLog?: (line: string) => void;
  /**
   * Spends the budget on one degree after the other, in place of sharing it among them: a degree for which too little
   * is left is left out, and a notice says so. @default {false}
   */
  readonly wholeDegrees?: boolean;
  /**
   * Folders of bundles that an adaptive run may lean on beside the setting `prior`, those that count more at last.
   * @default {none}
   */
  readonly earlier?: readonly string[];
  /** Asked before `force` deletes something, unless `yes` is set. @default {nobody is} */
  readonly confirm?: Confirm;
  /** One sweep to measure again, in place of everything that is absent. */
  readonly again?: SweepName;
  /** What devices are lent to, once nothing more is measured on them. */
  readonly loan?: Loan;
}

/** Devices that are free for something else: one of several behind the first degree, or all behind the last. */
export interface Loan {
  /** Its number, one of those in the settings; absent for all. */
  readonly device?: number;
  /** Gets ready for them without using them; called when the last engine before it boots, as nothing is timed then. */
  readonly prepare?: () => void;
  /** Begins to use them; called once nothing of the run is on them. */
  readonly begin: () => void;
  /** What one of several is used for, as in `device 1 <use>`. */
  readonly use: string;
}

/**
 * Measures the layers of a model into its bundle. Leaving the loop early ends the run and keeps what was measured.
 *
 * @param settings The settings, as `resolveSettings()` gives them.
 * @param options How the run is cancelled, and what it measures.
 * @returns The events, `finished` at last.
 * @throws {UsageError} when the model or the bundle breaks a rule.
 * @throws {HarnessError} when the harness cannot be opened or booted, or breaks too often.
 *
 * @example
 * ```ts
 * import { profileEvents, resolveSettings } from "shotlab";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const types = new Set<string>();
 * const settings = resolveSettings({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   preset: "quick",
 *   perfDir,
 * });
 * for await (const event of profileEvents(settings)) types.add(event.type);
 * assert.deepEqual([...types].slice(0, 4), ["starting", "connected", "booting", "booted"]);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function* profileEvents(
  settings: Settings,
  options: ProfileEventsOptions = {},
): AsyncGenerator<RunEvent> {
  const { signal, again, wholeDegrees = false, earlier = [], confirm, loan } = options;
  const startedAt = new Date();
  const begunMs = performance.now();
  const elapsed = stopwatch();
  signal?.throwIfAborted();
  const downloads: string[] = [];
  const model = await loadModel(settings.model, {
    ...settings,
    ...signal && { signal },
    onDownload: (message) => downloads.push(message),
  });
  const { architecture } = model;
  const naming = { ...settings, config: model.config };
  const variant = variantName(naming);
  const dir = bundlePath(settings.perfDir, settings.hardware, model.id, variant);
  await refuseLinks(settings.perfDir, dir);
  const degrees = again === undefined ? settings.tpDegrees : [again.tp];
  const configs = degrees.map((tp) => ({ tp, config: shardConfig(model.config, tp, settings) }));

  const force = settings.force && again === undefined;
  await using session = await openSession(dir, {
    architecture,
    skewMode: settings.skewMode,
    force,
    ...confirm && !settings.yes && { confirm },
  });
  const bare = settings.onlySkew ? degrees.filter((tp) => session.count(tp, "attention") === 0) : [];
  if (settings.onlySkew) requireAttention(session, degrees.filter((tp) => !bare.includes(tp)));
  yield* notices([
    ...downloads,
    ...variantNotices(naming),
    ...modelNotices(model.config, { ...settings, tpDegrees: degrees }),
    ...session.notices,
    ...bareNotices(bare),
  ]);
  const adaptive = again === undefined ? await adaptiveRun(settings, session, { earlier, begunMs }) : null;
  using _threads = adaptive === null ? null : keepThreads();
  if (settings.prior !== null && adaptive === null) yield* notices([PRIOR_UNUSED]);
  if (settings.prior !== null && resolve(settings.prior) === resolve(dir)) yield* notices([PRIOR_OWN]);
  if (options.harness === undefined) yield { type: "starting", harness: hideSecrets(settings.harness) };
  await using lane = await openLanes(settings, options);
  yield { type: "connected", info: lane.info };
  if (adaptive !== null) yield* notices(await adaptive.setDevice(lane.info));
  const quantity = chosenQuantity(settings.quantity, lane.info);
  // Never "auto": the engine has ideas of its own there, and the folder is named after this type.
  const types = {
    dtype: resolveDtype(model.config, settings.dtype),
    kv_cache_dtype: resolveKvDtype(model.config, settings.kvCacheDtype),
  };
  yield* notices(emulationNotices(lane.info.processor, types.dtype));
  const { revision } = model;
  const identity = identityOf(lane.info, {
    ...types,
    quantity,
    clock: settings.clock,
    ...revision !== undefined && { model_revision: revision },
  });
  yield* notices(
    session.start({
      identity,
      settings: journalSettings(settings),
      allowMixed: settings.allowMixed,
      acceptSpeed: settings.acceptSpeed,
      watch: watchOf(settings, quantity),
    }),
  );
  const origin = {
    settings,
    model,
    overrides: (tp: number) => hfOverrides(model.config, tp, settings),
    variant,
    identity,
    adaptive,
    wholeSkew: adaptive === null && !settings.skipSkew ? degrees : [],
    startedAt,
    sourceSha256: await sourceSha256(),
  };

  let measured = 0;
  const enginesByTp = new Map<number, Pick<Booted, "limits" | "conditions">>();
  const lentAt = loan?.device === undefined ? configs.length : 1;
  const request = {
    architecture: engineArchitecture(model),
    ...types,
    block_size: null,
    max_num_batched_tokens: settings.maxNumBatchedTokens,
    max_num_seqs: settings.maxNumSeqs,
    ...settings.clock !== null && { clock_mhz: settings.clock },
  };
  // Who leaves while an engine boots ahead is not to have its worker replaced.
  const left = new AbortController();
  using _leaving = { [Symbol.dispose]: (): void => left.abort() };
  const bootSignal = AbortSignal.any([left.signal, ...signal === undefined ? [] : [signal]]);
  const boot = (tp: number, config: ModelConfig, ep?: number): Promise<Booted> =>
    lane.boot({ ...request, config, tp, ...ep !== undefined && { ep } }, { signal: bootSignal });
  /** Predicted rows and accepted speeds ask for more than rows that are absent. */
  const mayBeComplete = adaptive === null && again === undefined && !settings.acceptSpeed;
  /** The next engine, which boots while the last rows of a degree are predicted. */
  let ahead: Promise<Booted> | null = null;
  let isLent = false;
  const lendAll = async (): Promise<void> => {
    if (loan === undefined || loan.device !== undefined || isLent) return;
    isLent = true;
    await lane[Symbol.asyncDispose]();
    loan.begin();
  };
  for (const [position, { tp, config }] of configs.entries()) {
    const short = wholeDegrees && position > 0 ? adaptive?.shortFor(degrees.slice(position)) ?? null : null;
    if (short !== null) {
      yield* notices([short]);
      break;
    }
    if (position === lentAt && loan?.device !== undefined && lane.release !== undefined) {
      const name = laneName(loan.device);
      await lane.release(name);
      yield* notices([`${name} ${loan.use}; the others go on with the rows`]);
      loan.begin();
    }
    if (position === lentAt - 1) loan?.prepare?.();
    const onlySkew = settings.onlySkew && !bare.includes(tp);
    const plan = (limits: Limits): readonly Sweep[] =>
      planSweeps({ ...settings, onlySkew, architecture, config: model.config, limits, tp })
        .filter(({ category }) => !settings.onlySkew || ["attention", "skew"].includes(category));
    const lasting = (planned: readonly Sweep[]): readonly Shot[] =>
      settings.parity || position > 0 && settings.sustainShots === "some"
        ? []
        : sustainedShots(planned, settings.sustainShots);
    const enter = (booted: Booted): void => {
      enginesByTp.set(tp, booted);
      session.describe((facts) => runMeta({ ...origin, booted, enginesByTp, previous: session.meta }, facts));
    };
    const leftOut = (sweeps: readonly Sweep[], limits: Limits): Generator<RunEvent> =>
      notices(sweeps.flatMap((sweep) => sweep.ep === undefined ? leftOutNotice(sweep, limits) : []));
    const settle = async function* (sweeps: readonly Sweep[]): AsyncGenerator<RunEvent> {
      for (const sweep of toSettle(sweeps)) {
        yield* notices(await session.reconcileGrid(sweep, settings.exactGrid));
      }
    };
    const asked = hashOfAsked({ ...origin, request: { ...request, config, tp } });
    const before = mayBeComplete ? session.bootedBefore(asked) : null;
    if (before !== null) {
      const known = withPool(before);
      const complete = (): readonly Sweep[] | null =>
        completePlan({
          ...{ plan, limits: known.limits, config: model.config, request, session },
          retryFailed: settings.retryFailed,
          lasting: (planned) => known.sustains === true && settings.sustainS > 0 ? lasting(planned) : [],
        });
      const planned = complete();
      if (planned !== null) {
        enter(known);
        yield* settle(planned);
        // Skew cases may have leant on batches that are in the archive now.
        if (complete() !== null) {
          yield* leftOut(planned, known.limits);
          await session.save();
          yield { type: "complete", tp, shots: planned.reduce((sum, { shots }) => sum + shots.length, 0) };
          continue;
        }
      }
    }
    adaptive?.begin(wholeDegrees ? 1 : configs.length - position);
    yield { type: "booting", tp };
    const booting = stopwatch();
    const booted = withPool(await (ahead ?? boot(tp, config)));
    ahead = null;
    yield { type: "booted", tp, limits: booted.limits, layers: booted.layers, seconds: booting() };
    enter(booted);
    await session.save();
    const planned = plan(booted.limits);
    const chosen = chosenSweeps(planned, again);
    const sweeps = chosen.filter(({ ep }) => ep === undefined);
    yield* leftOut(chosen, booted.limits);
    yield* settle(chosen);
    const firing = {
      lane,
      session,
      ...firingOptions(settings, quantity, planned, {
        named: journalSentinel(session.judge, tp, booted.limits),
        lasting: lasting(planned),
      }),
      asked,
      retryFailed: settings.retryFailed,
      again: again !== undefined,
      ...signal && { signal },
    };
    const { sustain } = firing;
    const lastingS = sustain === undefined || booted.sustains !== true
      ? 0
      : sustain.seconds * sustain.shots.filter((shot) => !session.hasSustained(shot)).length;
    const part = adaptive?.booted(tp, config, architecture, lastingS);
    const count = async function* (events: AsyncIterable<RunEvent>): AsyncGenerator<RunEvent> {
      for await (const event of events) {
        if (event.type === "shot") measured++;
        yield event;
      }
    };
    const onFired = async (): Promise<void> => {
      const next = configs[position + 1];
      if (next === undefined) await lendAll();
      else if (position + 1 !== lentAt) {
        ahead = boot(next.tp, next.config);
        ahead.catch(() => {}); // told when it is awaited
      }
    };
    const isLastEngine = !wholeDegrees && chosen.length === sweeps.length;
    yield* count(
      execute({ ...firing, sweeps, ...part && { adaptive: part }, ...isLastEngine && { onFired } }),
    );
    for (const sweep of chosen) {
      const { ep, shots } = sweep;
      if (ep === undefined || !shots.some((shot) => isDue(shot, firing))) continue;
      yield { type: "booting", tp, ep };
      const booting = stopwatch();
      const others = await boot(tp, shareExperts(config, ep), ep);
      yield { type: "booted", tp, ep, limits: others.limits, layers: others.layers, seconds: booting() };
      const { sustain: _, asked: __, ...plain } = firing;
      yield* count(execute({ ...plain, sweeps: [sweep] }));
    }
    adaptive?.end();
  }
  await lendAll();
  const isFit = (tp: number): boolean =>
    session.count(tp, "skew") > 0 && session.skewProblem(tp, false) === null;
  if (changesSkew(settings, again) && degrees.some(isFit)) {
    const method = settings.parity ? "reference" : "shrinkage";
    const { report } = await fitBundle(dir, {
      method,
      model,
      ...adaptive && { predictedByTp: adaptive.skewRows() },
      ...signal && { signal },
    });
    if (report.size > 0) yield { type: "fitted", method, report };
  }
  const account = adaptive?.account() ?? null;
  if (account !== null) yield* notices([account]);
  const { standing: inDoubt } = session.judge;
  yield { type: "finished", dir, measured, failed: session.failed, inDoubt, seconds: elapsed() };
}

/** The alphas depend on the skew cases and on attention. */
function changesSkew({ skipSkew }: Settings, again: SweepName | undefined): boolean {
  return again === undefined ? !skipSkew : again.category === "skew" || again.category === "attention";
}

const PRIOR_OWN =
  "The prior is this run's own bundle: its rows are known anyway, and bound no error of others";

function bareNotices(degrees: readonly number[]): string[] {
  if (degrees.length === 0) return [];
  return [
    `The bundle has no rows of attention at tp ${
      degrees.join(", ")
    }, between which alphas lie: they are measured ` +
    "before the skew cases",
  ];
}

function requireAttention(session: Session, degrees: readonly number[]): void {
  for (const tp of degrees) {
    const problem = session.skewProblem(tp, true);
    if (problem === null) continue;
    throw new UsageError(
      `Cannot run the skew sweep alone at tp ${tp}: ${problem}; leave onlySkew (--only-skew) out`,
    );
  }
}

function* notices(messages: readonly string[]): Generator<RunEvent> {
  for (const message of messages) yield { type: "notice", message };
}

/** With the groups of the KV cache among the limits: a plan need not leave out what fits them. */
function withPool(booted: Booted): Booted {
  const { caches, limits, num_gpu_blocks: blocks } = booted;
  return caches === undefined
    ? booted
    : { ...booted, limits: { ...limits, pool: { blocks, groups: caches } } };
}

function stopwatch(): () => number {
  const begun = performance.now();
  return () => (performance.now() - begun) / 1000;
}
