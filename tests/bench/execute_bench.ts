/**
 * What firing costs around the engine: a child process that answers at once, journal included.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type LaneSource, openLane } from "../../src/workers/lane.ts";
import { execute } from "../../src/run/execute.ts";
import { identityOf } from "../../src/journal/identity.ts";
import { openSession } from "../../src/store/session.ts";
import { startProcessHarness } from "../../src/harness/process.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import type { Shot } from "../../src/shots/shot.ts";
import type { Measurement } from "./measure.ts";
import { attentionRows } from "./synthetic_bundle.ts";

/** How shots are fired. */
export interface FireOptions {
  /** Where harnesses come from. */
  readonly source: LaneSource;
  /** How many shots. */
  readonly count: number;
  /** Shots handed over at once. */
  readonly chunk: number;
  /** Called when the engine is booted and the first shot is about to be fired. */
  readonly onBooted?: () => void;
}

/**
 * Fires attention shots into a bundle of their own, which is removed.
 *
 * @param options What, on what.
 * @returns Milliseconds that it took, without the boot.
 */
export async function fireAll({ source, count, chunk, onBooted }: FireOptions): Promise<number> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-bench-" });
  try {
    const architecture = await loadArchitecture(
      "llama",
      fileURLToPath(new URL("../../configs", import.meta.url)),
    );
    await using session = await openSession(dir, { architecture });
    await using lane = await openLane(source);
    const quantity = lane.info.quantities[0]!;
    session.start({
      identity: identityOf(lane.info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity }),
      settings: {},
    });
    await lane.boot({
      config: {},
      architecture,
      tp: 1,
      dtype: "auto",
      kv_cache_dtype: "auto",
      block_size: null,
      max_num_batched_tokens: 2048,
      max_num_seqs: 256,
    });
    const shots: Shot[] = attentionRows(count).map(({ key }) => ({
      category: "attention",
      tp: 1,
      prefill_chunk: key[0]!,
      kv_prefill: key[1]!,
      n_decode: key[2]!,
      kv_decode: key[3]!,
    }));
    const sweeps = [{ category: "attention", tp: 1, shots }] as const;
    onBooted?.();
    const begun = performance.now();
    let measured = 0;
    for await (const event of execute({ lane, session, sweeps, iterations: 3, quantity, chunk })) {
      if (event.type === "shot") measured++;
    }
    if (measured !== count) throw new Error(`Expected ${count} measured shots, got ${measured}`);
    return performance.now() - begun;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * Measures the cost per shot in chunks and one by one.
 *
 * @returns Two measurements.
 */
export async function measureExecute(): Promise<Measurement[]> {
  const worker = fileURLToPath(new URL("instant_worker.ts", import.meta.url));
  const argv = [Deno.execPath(), "run", "--quiet", "-A", worker];
  const source = { open: () => startProcessHarness(argv, { name: "instant" }) };
  const rows: Measurement[] = [];
  for (
    const { chunk, count, limit } of [{ chunk: 64, count: 8643, limit: 0.2 }, {
      chunk: 1,
      count: 4000,
      limit: 0.4,
    }]
  ) {
    const elapsedMs = await fireAll({ source, count, chunk });
    const what = `SDK and protocol per shot, ${
      chunk === 1 ? "one by one" : `chunks of ${chunk}`
    } (${count} shots)`;
    rows.push({ what, value: elapsedMs / count, unit: "ms", limit });
  }
  return rows;
}
