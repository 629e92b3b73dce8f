/**
 * Making a bundle of journals of fired plans, as the run that fires the same shots would.
 *
 * @module
 */
import { readBytes } from "../files/read.ts";
import { type Bundle, openBundle } from "../bundle/open.ts";
import { bundlePath } from "../bundle/layout.ts";
import { refuseLinks } from "../files/links.ts";
import { UsageError } from "../errors.ts";
import type { Booted } from "../harness/harness.ts";
import type { PlanHeader } from "../shots/plan_file.ts";
import type { FailedShot } from "../events.ts";
import { fitBundle } from "./fit_bundle.ts";
import { type FiredFile, readFired } from "../journal/fired.ts";
import type { PlanLine } from "../journal/line.ts";
import { openBundleSession } from "../store/session.ts";
import { recordedLines, replay } from "./replay.ts";
import { sourceSha256 } from "./source_hash.ts";

/** Options of {@linkcode ingest}. */
export interface IngestOptions {
  /** Folder of the bundles. @default {"perf"} */
  readonly perfDir?: string;
  /** Label of the hardware in place of the plan's. */
  readonly hardware?: string;
  /** Extends a bundle of another device, processor, driver, engine or type; recorded in it. @default {false} */
  readonly allowMixed?: boolean;
  /** Share by which sentinels may move; null for what is usual for the quantity. @default {null} */
  readonly driftShare?: number | null;
  /** Makes the speed of the device that fired these files what times are held against. @default {false} */
  readonly acceptSpeed?: boolean;
}

/** What ingesting came to. */
export interface Ingested {
  /** The bundle. */
  readonly bundle: Bundle;
  /** Shots that it has from these files. */
  readonly measured: number;
  /** Results that it has no use for, because it had their shots already. */
  readonly known: number;
  /** Shots that have failed, now or before, and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** Shots whose times are in doubt: the device drifted when they were measured, or nothing says that it had not. */
  readonly inDoubt: number;
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
}

/**
 * Makes or extends the bundle that journals of fired plans are for. Of a shot that several files have, the first one begun
 * counts, so that the order in which they are named does not; what the bundle has already stands.
 *
 * @param paths The files, one or more; cut ones too.
 * @param options Where the bundle is.
 * @returns The bundle and what came of it.
 * @throws {UsageError} when a file cannot be read, the files are for different bundles, or the bundle cannot be
 * extended.
 *
 * @example
 * ```ts
 * import { firePlan, ingest, loadModel, planSweeps, resolveSettings } from "shotlab";
 * import { planHeader } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const settings = resolveSettings({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   tpDegrees: [1],
 *   maxNumBatchedTokens: 32,
 *   maxNumSeqs: 2,
 *   attentionMaxKv: 32,
 *   skipSkew: true,
 *   perfDir,
 * });
 * const model = await loadModel(settings.model);
 * const limits = {
 *   max_num_batched_tokens: 32,
 *   max_num_seqs: 2,
 *   num_cache_tokens: 100_000,
 *   max_model_len: 4096,
 *   num_experts: null,
 *   top_k: null,
 *   block_size: 16,
 * };
 * const sweeps = planSweeps({ ...settings, architecture: model.architecture, limits, tp: 1 });
 * const results = `${perfDir}/results.jsonl`;
 * for await (
 *   const event of firePlan({ header: planHeader(settings, model, sweeps), sweeps }, results, settings)
 * ) assert.notEqual(event.type, "failed-shot");
 * const { bundle, measured } = await ingest([results], { perfDir });
 * assert.ok(measured > 0 && bundle.tps.includes(1));
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function ingest(paths: readonly string[], options: IngestOptions = {}): Promise<Ingested> {
  const { perfDir = "perf", hardware, allowMixed = false, driftShare = null, acceptSpeed = false } = options;
  const files = (await Promise.all(paths.map(readFile)))
    .sort((a, b) =>
      Date.parse(a.header.started) - Date.parse(b.header.started) || (a.path < b.path ? -1 : 1)
    );
  const { settings, architecture } = sameBundle(files);
  const label = hardware ?? settings.hardware;
  const dir = bundlePath(perfDir, label, settings.model, settings.variant);
  await refuseLinks(perfDir, dir);
  await using session = await openBundleSession(dir, { architecture, skewMode: settings.skew_mode });
  const notices = [...session.notices, ...files.flatMap((file) => file.notices)];
  const source = await sourceSha256();
  const tps = new Set<number>();
  const enginesByTp = new Map<number, Pick<Booted, "limits" | "conditions">>();
  let measured = 0;
  let known = 0;
  const recorded = await recordedLines(dir);
  for (const { path, header, lines } of files) {
    const options = { hardware: label, allowMixed, driftShare, acceptSpeed, source, recorded, enginesByTp };
    const taken = replay(session, header, lines, options);
    notices.push(...taken.notices.map((notice) => `${path}: ${notice}`));
    measured += taken.measured;
    known += taken.known;
    for (const tp of taken.skewTps) tps.add(tp);
    await session.save();
  }
  if ([...tps].some((tp) => session.count(tp, "skew") > 0 && session.skewProblem(tp, false) === null)) {
    await fitBundle(dir, { method: settings.parity ? "reference" : "shrinkage" });
  }
  const { failed, judge: { standing: inDoubt } } = session;
  return { bundle: await openBundle(dir), measured, known, failed, inDoubt, notices };
}

async function readFile(path: string): Promise<FiredFile & { readonly path: string }> {
  const bytes = await readBytes(path).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Cannot read ${path}: ${cause.message}`, { cause });
  });
  return { path, ...readFired(path, bytes) };
}

/**
 * Reads the first line of a journal of a fired plan.
 *
 * @param path The file.
 * @returns What was fired.
 * @throws {UsageError} when it cannot be read or names no plan.
 */
export async function firedPlan(path: string): Promise<PlanLine> {
  return (await readFile(path)).header;
}

/** The plan of the first file, when all are for the same bundle. */
function sameBundle(files: readonly (FiredFile & { readonly path: string })[]): PlanHeader {
  const [first, ...others] = files;
  if (first === undefined) throw new UsageError("Cannot ingest: name one results file or more");
  const { plan } = first.header;
  for (const { path, header } of others) {
    for (const field of ["model", "hardware", "variant"] as const) {
      const [here, there] = [header.plan.settings[field], plan.settings[field]];
      if (here === there) continue;
      throw new UsageError(
        `Cannot ingest ${path} with ${first.path}: ${field} must be the same, got ${here} and ${there}; ` +
          `ingest them one by one`,
      );
    }
    if (header.plan.architecture.sha256 !== plan.architecture.sha256) {
      throw new UsageError(
        `Cannot ingest ${path} with ${first.path}: their plans name other layers; ingest them one by one`,
      );
    }
  }
  return plan;
}
