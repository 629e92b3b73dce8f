import assert from "node:assert/strict";
import { HarnessError, type HarnessErrorDetails } from "../../src/errors.ts";
import type { Harness } from "../../src/harness/harness.ts";
import { openHarness } from "../../src/harness/open.ts";
import { openLane } from "../../src/workers/lane.ts";
import { fakeHarness } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

const KILLED = { kind: "engine_dead", signal: "SIGKILL" };

/** Harnesses that fail so many times at hello and at boot, and what a lane tells of them. */
async function messages(hellos: number, boots: number, failure: object): Promise<string[]> {
  const error = (stage: HarnessErrorDetails["stage"]): HarnessError =>
    new HarnessError(`Harness 'abacus' ended at ${stage}`, { stage, ...failure });
  const open = (): Promise<Harness> =>
    hellos-- > 0 ? Promise.reject(error("hello")) : Promise.resolve({
      ...fakeHarness(),
      ...boots-- > 0 && { boot: () => Promise.reject(error("boot")) },
    });
  await using lane = await openLane({ open, pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  const steps = await Array.fromAsync(
    lane.fire(denseSweep([1, 2]).shots, { iterations: 1, quantity: "wall" }),
  );
  assert.equal(steps.filter(({ type }) => type === "outcome").length, 2);
  return steps.flatMap((step) => "message" in step ? [step.message] : []);
}

Deno.test("a harness that is killed at hello or while it boots is opened and booted again, and it is told", async () => {
  const broke = (stage: string): string =>
    `The harness broke and is replaced: Harness 'abacus' ended at ${stage}`;
  assert.deepEqual(await messages(2, 0, KILLED), [broke("hello"), broke("hello")]);
  assert.deepEqual(await messages(0, 3, KILLED), [broke("boot"), broke("boot"), broke("boot")]);
  assert.deepEqual(await messages(1, 1, KILLED), [broke("hello"), broke("boot")]);
});

Deno.test("a harness that is killed again and again, or fails otherwise, is not tried for ever", async () => {
  await assert.rejects(messages(4, 0, KILLED), { message: "Harness 'abacus' ended at hello" });
  await assert.rejects(messages(0, 4, KILLED), { message: "Harness 'abacus' ended at boot" });
  for (const failure of [{ kind: "engine_dead", exitCode: 1 }, { kind: "timeout", signal: "SIGKILL" }, {}]) {
    await assert.rejects(messages(1, 0, failure), { message: "Harness 'abacus' ended at hello" });
    await assert.rejects(messages(0, 1, failure), { message: "Harness 'abacus' ended at boot" });
  }
});

Deno.test("a process that kills itself at hello is a harness that is killed", async () => {
  let opened = 0;
  const open = (): Promise<Harness> => {
    opened++;
    return openHarness("cmd:sh -c 'kill -9 $$'");
  };
  await assert.rejects(openLane({ open, pauseMs: 1 }), {
    message: "Harness 'sh' was ended by SIGKILL while saying hello",
  });
  assert.equal(opened, 4);
});
