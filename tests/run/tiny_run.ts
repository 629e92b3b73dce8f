/** A run over a few shots of a tiny architecture, for tests. */
import type { HarnessInfo } from "../../src/harness/harness.ts";
import type { RunEvent } from "../../src/events.ts";
import { execute, type ExecuteOptions } from "../../src/run/execute.ts";
import { identityOf } from "../../src/journal/identity.ts";
import { type LaneSource, openLane } from "../../src/workers/lane.ts";
import { openSession, type SessionOptions, type StartOptions } from "../../src/store/session.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { fakeHarness, tinyArchitecture } from "./fakes.ts";

/** A dense sweep. */
export function denseSweep(tokens: readonly number[], tp = 1): Sweep {
  return { category: "dense", tp, shots: tokens.map((count) => ({ category: "dense", tp, tokens: count })) };
}

/** A per_sequence sweep. */
export function perSequenceSweep(sequences: readonly number[], tp = 1): Sweep {
  return {
    category: "per_sequence",
    tp,
    shots: sequences.map((count) => ({ category: "per_sequence", tp, sequences: count })),
  };
}

/** An attention sweep of decodes. */
export function attentionSweep(decodes: readonly number[], tp = 1): Sweep {
  return {
    category: "attention",
    tp,
    shots: decodes.map((count) => ({
      category: "attention",
      tp,
      prefill_chunk: 0,
      kv_prefill: 0,
      n_decode: count,
      kv_decode: 16,
    })),
  };
}

/** What a tiny run may have differently. */
export interface TinyRun
  extends
    Partial<Pick<SessionOptions, "architecture" | "skewMode" | "force" | "confirm" | "write" | "openFile">>,
    Partial<Pick<StartOptions, "allowMixed" | "acceptSpeed">>,
    Partial<
      Pick<ExecuteOptions, "retryFailed" | "again" | "chunk" | "signal" | "precision" | "seed" | "sentinel">
    > {
  /** Where its harnesses come from; a fake that measures everything when left out. */
  readonly source?: LaneSource;
  /** Called with each event; true ends the run by leaving the loop. */
  readonly onEvent?: (event: RunEvent) => boolean | void;
}

/** Runs sweeps into a bundle's folder. */
export async function tinyRun(dir: string, sweeps: readonly Sweep[], run: TinyRun = {}): Promise<RunEvent[]> {
  const { source = { harness: fakeHarness() }, onEvent } = run;
  const architecture = run.architecture ?? tinyArchitecture();
  const events: RunEvent[] = [];
  await using session = await openSession(dir, { ...run, architecture });
  await using lane = await openLane(source);
  const types = { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "wall" } as const;
  const identity = identityOf(lane.info as HarnessInfo, types);
  const watch = run.sentinel ? { every_s: run.sentinel.everyS, share: run.sentinel.share } : null;
  const messages = [...session.notices, ...session.start({ ...run, identity, settings: {}, watch })];
  events.push(...messages.map((message) => ({ type: "notice", message }) as const));
  for (const tp of new Set(sweeps.map((sweep) => sweep.tp))) {
    await lane.boot({
      config: {},
      architecture,
      tp,
      dtype: "auto",
      kv_cache_dtype: "auto",
      block_size: null,
      max_num_batched_tokens: 64,
      max_num_seqs: 16,
    });
    const chosen = sweeps.filter((sweep) => sweep.tp === tp);
    for await (
      const event of execute({ ...run, lane, session, sweeps: chosen, iterations: 3, quantity: "wall" })
    ) {
      events.push(event);
      if (onEvent?.(event)) return events;
    }
  }
  return events;
}

/** The events of one type. */
export function only<T extends RunEvent["type"]>(
  events: readonly RunEvent[],
  type: T,
): Extract<RunEvent, { type: T }>[] {
  return events.filter((event) => event.type === type) as Extract<RunEvent, { type: T }>[];
}

/** Calls with a folder that is removed afterwards. */
export async function withFolder(action: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-" });
  try {
    await action(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Reads a file of a bundle. */
export async function textOfFile(dir: string, path: string): Promise<string> {
  return await Deno.readTextFile(`${dir}/${path}`);
}

/** Writes a file of a bundle. */
export async function putFile(dir: string, path: string, text: string): Promise<void> {
  await Deno.mkdir(`${dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(`${dir}/${path}`, text);
}
