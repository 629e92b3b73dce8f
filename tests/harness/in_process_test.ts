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
