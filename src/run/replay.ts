/**
 * Taking the journal of a fired plan into a bundle, line by line.
 *
 * @module
 */
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";
import { usualDriftShare } from "../journal/sentinel.ts";
import { launchNews } from "../journal/launches.ts";
import type {
  CostLine,
  EngineLine,
  FailedLine,
  JournalLine,
  PlanLine,
  SentinelLine,
  SessionLine,
  ShotLine,
  SustainedLine,
} from "../journal/line.ts";
import { fromPlanned } from "../settings/recorded.ts";
import type { Booted } from "../harness/harness.ts";
import { keyColumns, type Shot } from "../shots/shot.ts";
import { type ShotId, shotText } from "../shots/shot_id.ts";
import { skewCaseOf } from "../shots/skew_cases.ts";
import type { SkewPart } from "../shots/skew_parts.ts";
import type { BundleSession } from "../store/session.ts";
import { recordOutcome } from "../store/store_result.ts";
import { runMeta } from "./run_meta.ts";
import { newsOf } from "./run_sweeps.ts";

/** Seconds between two sentinels of a results file, which does not say. */
const RESULTS_EVERY_S = 30;

/** Options of {@linkcode replay}. */
export interface ReplayOptions {
  /** Label of the hardware. */
  readonly hardware: string;
  /** Allows another identity than the bundle's. */
  readonly allowMixed: boolean;
  /** Share by which sentinels may move; null for what the journal says. */
  readonly driftShare: number | null;
  /** Makes the speed of the device what times are held against. */
  readonly acceptSpeed: boolean;
  /** Hash of the source that ingests, in hex. */
  readonly source: string;
  /** Takes what engines came to, by tensor-parallel degree; one serves all files of a bundle. */
  readonly enginesByTp: Map<number, Pick<Booted, "limits" | "conditions">>;
  /** How often the bundle's journal has each shot and sentinel, as {@linkcode recordedLines} tells. */
  readonly recorded: ReadonlyMap<string, number>;
}

/** What was taken in. */
export interface Replayed {
  /** Shots that were recorded. */
  readonly measured: number;
  /** Results that the bundle had no use for. */
  readonly known: number;
  /** Degrees whose attention rows or skew cases have changed. */
  readonly skewTps: ReadonlySet<number>;
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
}

/** What waits on a lane until a shot is recorded. */
interface Waiting {
  engine?: EngineLine;
  sentinel?: SentinelLine | FailedLine;
  state?: JournalLine;
  /** Shots that were recorded since the last cost. */
  shots: ShotId[];
}

/**
 * Counts the shots and sentinels of a bundle's journal, so that a file that is taken in once more adds nothing.
 *
 * @param dir The bundle's folder.
 * @returns How often each is there.
 */
export async function recordedLines(dir: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "shot" || line.type === "sentinel") count(counts, textOf(line, line.samples));
    if (line.type === "sustained") count(counts, textOf(line, line.layers));
  });
  return counts;
}

/**
 * Takes a journal in. What tells of shots that the bundle has (their engines, states, sentinels and costs) is passed
 * over; a result takes the place of one that is in doubt.
 *
 * @param session The bundle.
 * @param header The journal's first line.
 * @param lines Its other lines.
 * @param options Whose bundle it is, and what is allowed.
 * @returns What was taken in.
 * @throws {UsageError} when the journal's device differs from the bundle's, or the disk refuses.
 */
export function replay(
  session: BundleSession,
  header: PlanLine,
  lines: Iterable<JournalLine>,
  options: ReplayOptions,
): Replayed {
  const { id: origin, quantity, plan: { settings, architecture, overrides, configs } } = header;
  const notices: string[] = [];
  const skewTps = new Set<number>();
  const seen = new Map<string, number>();
  const lanes = new Map<string, Waiting>();
  let identity: SessionLine["identity"] | undefined;
  let measured = 0;
  let known = 0;

  function waitingOn(lane = ""): Waiting {
    let waiting = lanes.get(lane);
    if (waiting === undefined) lanes.set(lane, waiting = { shots: [] });
    return waiting;
  }

  function begin(line: SessionLine): void {
    const { started, settings } = line;
    identity = line.identity;
    lanes.clear();
    const usual = { every_s: RESULTS_EVERY_S, share: usualDriftShare(quantity) };
    const watch = line.watch === undefined ? usual : line.watch;
    const { driftShare, acceptSpeed, allowMixed } = options;
    notices.push(...session.start({
      ...{ identity, settings, allowMixed, origin, started: new Date(started) },
      watch: watch && { ...watch, ...driftShare !== null && { share: driftShare } },
      acceptSpeed: acceptSpeed || line.accept_speed === true,
    }));
  }

  function describe(engine: EngineLine): void {
    if (identity === undefined || engine.ep !== undefined) return;
    const { enginesByTp } = options;
    enginesByTp.set(engine.tp, engine);
    const origin = {
      model: { id: settings.model, config: Object.values(configs)[0]!, architecture },
      overrides: (tp: number) => overrides[tp] ?? {},
      variant: settings.variant,
      identity,
      booted: engine,
      enginesByTp,
      startedAt: new Date(header.started),
      sourceSha256: options.source,
    };
    session.describe((facts) => {
      const skipSkew = facts.skewTps.length === 0;
      const all = { ...fromPlanned(settings), hardware: options.hardware, skipSkew };
      return runMeta({ ...origin, settings: all, previous: session.meta }, facts);
    });
  }

  /** Records what waited on a lane. */
  function flush(lane: string | undefined): void {
    const waiting = waitingOn(lane);
    for (const line of [waiting.engine, waiting.sentinel, waiting.state]) {
      if (line !== undefined) record(line);
    }
    delete waiting.engine;
    delete waiting.sentinel;
    delete waiting.state;
  }

  function record(line: JournalLine): void {
    session.record(line);
    if (line.type !== "sentinel") return;
    const news = newsOf(session.judge.verdict!, line.tp, line.lane);
    if (news !== null) notices.push(news);
  }

  function takeSentinel(line: SentinelLine | FailedLine): void {
    if (line.type === "failed") notices.push(`the sentinel ${shotText(line)} failed: ${line.message}`);
    const isKnown = line.type === "sentinel" && !isNew(line, line.samples);
    const waiting = waitingOn(line.lane);
    waiting.sentinel = line;
    if (!isKnown && session.judge.awaits(line.lane, origin)) flush(line.lane);
  }

  /** Whether the bundle lacks a line that came now for the so manyth time. */
  function isNew(line: Counted, content: object): boolean {
    const text = textOf(line, content);
    return count(seen, text) > (options.recorded.get(text) ?? 0);
  }

  function takeShot(line: ShotLine): void {
    const { type: _, category: __, tp: ___, key: ____, lane, ...result } = line;
    const { samples } = result;
    const shot = shotOf(line, Object.keys(samples));
    const timed = Object.fromEntries(session.timed(shot).map((layer) => [layer, samples[layer] ?? []]));
    const isAgain = isNew(line, timed) && session.inDoubt(shot);
    if (session.missing(shot).length === 0 && !isAgain) {
      known++;
      return;
    }
    flush(lane);
    const outcome = { status: "measured", index: 0, ...result } as const;
    const event = recordOutcome(session, shot, outcome, { again: false, lane });
    waitingOn(lane).shots.push(line);
    if (event.type !== "shot") return;
    measured++;
    if (shot.category === "skew" || shot.category === "attention") skewTps.add(shot.tp);
  }

  function takeFailure(line: FailedLine): void {
    const shot = shotOf(line, ["t_skew"]);
    if (session.missing(shot).length === 0 || session.hasFailed(shot)) {
      known++;
      return;
    }
    flush(line.lane);
    session.record(line);
    waitingOn(line.lane).shots.push(line);
  }

  /** What a chunk cost is put down to the sweeps of its shots, to each its part. */
  function spend({ wall_us, device_busy_us, lane }: CostLine): void {
    const { shots } = waitingOn(lane);
    for (const sweep of Map.groupBy(shots, ({ tp, category }) => `${tp} ${category}`).values()) {
      const { tp, category } = sweep[0]!;
      const share = sweep.length / shots.length / 1e6;
      session.spend(tp, category, {
        seconds: wall_us * share,
        deviceBusyS: typeof device_busy_us === "number" ? device_busy_us * share : null,
      });
    }
    shots.length = 0;
  }

  for (const line of lines) {
    switch (line.type) {
      case "session":
        begin(line);
        break;
      case "engine":
        describe(line);
        waitingOn(line.lane).engine = line;
        break;
      case "kernels":
        session.note(line);
        break;
      case "state":
        if (session.judge.awaits(line.lane, origin)) session.record(line);
        else waitingOn(line.lane).state = line;
        break;
      case "cost":
        spend(line);
        break;
      case "sustained":
        if (isNew(line, line.layers)) session.record(line);
        break;
      case "sentinel":
        takeSentinel(line);
        break;
      case "failed":
        if (line.sentinel) takeSentinel(line);
        else takeFailure(line);
        break;
      case "shot":
        takeShot(line);
        break;
    }
  }
  session.judge.end();
  notices.push(...launchNews(session.otherKernels));
  return { measured, known, skewTps, notices };
}

function shotOf({ category, tp, key }: ShotId, parts: readonly string[]): Shot {
  if (category === "skew") {
    return { ...skewCaseOf(key), tier: 1, category, tp, parts: parts as SkewPart[] };
  }
  const fields = keyColumns(category, key).map((column, at) => [column, key[at]!]);
  return { category, tp, ...Object.fromEntries(fields) } as Shot;
}

/** Lines of which a bundle takes each once. */
type Counted = ShotLine | SentinelLine | SustainedLine;

function textOf(line: Counted, content: object): string {
  return `${line.type} ${shotText(line)} ${JSON.stringify(content)}`;
}

function count(counts: Map<string, number>, text: string): number {
  const now = (counts.get(text) ?? 0) + 1;
  counts.set(text, now);
  return now;
}
