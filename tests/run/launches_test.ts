import assert from "node:assert/strict";
import { validate } from "../../src/check/validate.ts";
import type { Harness, ShotOutcome } from "../../src/harness/harness.ts";
import { profile } from "../../src/run/profile.ts";
import { fakeHarness } from "./fakes.ts";
import { SMALL, smallBundle } from "./small_model.ts";

/** A harness whose attention is of some backend. */
function attentionBy(backend: string): Harness {
  const fake = fakeHarness();
  return {
    ...fake,
    info: fake.info,
    async *fire(request, options): AsyncGenerator<ShotOutcome> {
      for await (const outcome of fake.fire(request, options)) {
        yield outcome.status === "measured" && "attention" in outcome.samples
          ? { ...outcome, kernels: { attention: [backend] } }
          : outcome;
      }
    },
  };
}

Deno.test("a run that goes on with another attention backend says so, meta.yaml and validate too", async () => {
  const perfDir = await Deno.makeTempDir();
  const notices: string[] = [];
  const run = (backend: string, attentionMaxKv: number): Promise<unknown> =>
    profile({ ...SMALL, tpDegrees: [1], skipSkew: true, sentinelS: 30, attentionMaxKv, perfDir }, {
      open: () => Promise.resolve(attentionBy(backend)),
      onEvent: (event) => {
        if (event.type === "notice" && event.message.startsWith("Layer")) notices.push(event.message);
      },
    });
  try {
    await run("flash", 256);
    await run("flash", 1024);
    assert.deepEqual(notices, []);
    await run("flashinfer", 4096);
    assert.equal(notices.length, 1);
    assert.match(
      notices[0]!,
      /^Layer 'attention' launches other kernels than in an earlier session \(attention tp1 /,
    );
    const codes = (await validate(smallBundle(perfDir))).map(({ code }) => code);
    assert(codes.includes("other-kernels"), codes.join());
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});
