import assert from "node:assert/strict";
import { inProcessHarness } from "../../src/harness/in_process.ts";
import { rooflineHarness } from "../../src/harness/estimate/roofline.ts";
import { bootRequest, fireAll } from "./toy.ts";
import { loadHardware } from "../../src/roofline/hardware.ts";

const { info } = await rooflineHarness(await loadHardware("H100", "configs"));

Deno.test("after a boot that failed nothing of the engine before is left", async () => {
  let fails = false;
  const harness = inProcessHarness({
    info,
    boot: () => {
      if (fails) throw new Error("out of beads");
      return {
        booted: { limits: {} as never, num_gpu_blocks: 1, layers: {}, engine_args: {} },
        answer: (_shot, iterations) => ({ samples: { o_proj: Array.from({ length: iterations }, () => 1) } }),
      };
    },
  });
  await harness.boot(bootRequest);
  const shot = { category: "dense", tp: 1, tokens: 1 } as const;
  assert.equal((await fireAll(harness, [shot])).length, 1);
  fails = true;
  await assert.rejects(harness.boot(bootRequest), { message: "out of beads" });
  await assert.rejects(fireAll(harness, [shot]), {
    name: "UsageError",
    message: `Cannot fire on harness '${info.harness}': no engine is booted`,
  });
});

const aborts: [when: string, delayMs: number, answered: number[]][] = [
  ["while it waits", 60_000, []],
  ["after the first outcome", 0, [1]],
];
for (const [when, delayMs, expected] of aborts) {
  Deno.test(`an abort ${when} ends a chunk with its reason; what was not answered by then never is`, async () => {
    const answered: number[] = [];
    await using harness = inProcessHarness({
      info,
      delayMs,
      boot: () => ({
        booted: { limits: {} as never, num_gpu_blocks: 1, layers: {}, engine_args: {} },
        answer: (shot) => {
          answered.push((shot as { tokens: number }).tokens);
          return { samples: { o_proj: [1] } };
        },
      }),
    });
    await harness.boot(bootRequest);
    const abort = new AbortController();
    const shots = [1, 2].map((tokens) => ({ category: "dense", tp: 1, tokens }) as const);
    const firing = (async (): Promise<void> => {
      const request = { shots, iterations: 1, quantity: "estimate" } as const;
      for await (const _ of harness.fire(request, { signal: abort.signal })) abort.abort(new Error("enough"));
    })();
    if (delayMs > 0) setTimeout(() => abort.abort(new Error("enough")), 20);
    await assert.rejects(firing, { message: "enough" });
    assert.deepEqual(answered, expected);
  });
}
