// deno-lint-ignore-file no-console
/**
 * How much faster several lanes are than one, with a harness that sleeps: `deno task bench`.
 *
 * @module
 */
import type { Harness } from "../../src/harness/harness.ts";
import { inProcessHarness } from "../../src/harness/in_process.ts";
import { openPool, type PoolMember } from "../../src/workers/pool.ts";
import { runScript } from "../../tasks/script.ts";
import { fakeHarness } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

const SHOTS = 1000;
const SLEEP_MS = 5;
const LIMITS = {
  max_num_batched_tokens: 2048,
  max_num_seqs: 16,
  num_cache_tokens: 1_000_000,
  max_model_len: 100_000,
  num_experts: null,
  top_k: null,
  block_size: 16,
};

function sleeper(): Promise<Harness> {
  return Promise.resolve(inProcessHarness({
    info: { ...fakeHarness().info, harness: "sleeper" },
    delayMs: SLEEP_MS,
    boot: () => ({
      booted: { limits: LIMITS, num_gpu_blocks: 1, layers: {}, engine_args: {} },
      answer: () => ({ samples: { proj: [1] } }),
    }),
  }));
}

/**
 * Times a pool.
 *
 * @param lanes How many lanes it has.
 * @returns Seconds for all shots.
 */
export async function poolSeconds(lanes: number): Promise<number> {
  const members = Array.from({ length: lanes }, (_, n): PoolMember => ({ name: `lane ${n}`, open: sleeper }));
  await using pool = await openPool(members as [PoolMember, ...PoolMember[]]);
  await pool.boot({ ...TINY_BOOT, max_num_batched_tokens: 2048 });
  const { shots } = denseSweep(Array.from({ length: SHOTS }, (_, index) => index + 1));
  const begun = performance.now();
  let outcomes = 0;
  for await (const step of pool.fire(shots, { iterations: 1, quantity: "wall" })) {
    if (step.type === "outcome") outcomes++;
  }
  if (outcomes !== SHOTS) throw new Error(`${SHOTS} shots were fired, ${outcomes} outcomes came`);
  return (performance.now() - begun) / 1000;
}

if (import.meta.main) {
  await runScript({ usage: "pool_bench.ts" }, async () => {
    await poolSeconds(1);
    const one = await poolSeconds(1);
    for (const lanes of [2, 4, 8]) {
      const seconds = await poolSeconds(lanes);
      console.log(
        `${lanes} lanes: ${seconds.toFixed(2)} s, ${(one / seconds).toFixed(2)} times as fast as one`,
      );
    }
  });
}
