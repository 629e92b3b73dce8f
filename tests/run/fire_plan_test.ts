/** What the firing of a plan tells and writes, event by event. */
import assert from "node:assert/strict";
import type { RunEvent } from "../../src/events.ts";
import { withFolder } from "./tiny_run.ts";
import { fire, planLines } from "./results_files.ts";

/** The events but those of shots, as far as two runs share them. */
const told = (events: readonly RunEvent[]): unknown[] =>
  events.flatMap((event): unknown[] => {
    switch (event.type) {
      case "booting":
        return [event];
      case "booted":
        assert.ok(event.seconds >= 0 && event.seconds < 3600, `${event.seconds}`);
        return [Object.keys(event).sort().join()];
      case "finished":
        assert.ok(event.seconds >= 0 && event.seconds < 3600, `${event.seconds}`);
        return [{ ...event, seconds: 0 }];
      default:
        return event.type === "starting" || event.type === "connected" ? [event.type] : [];
    }
  });

Deno.test("a plan is fired degree by degree; a second firing boots nothing and leaves the file as it is", () =>
  withFolder(async (dir) => {
    const lines = await planLines({ tpDegrees: [1, 2] });
    const path = `${dir}/results.jsonl`;
    const first = await fire(lines, path);
    const measured = first.filter(({ type }) => type === "shot").length;
    const finished = { type: "finished", dir: path, failed: [], inDoubt: 0, seconds: 0 };
    const booted = "layers,limits,seconds,tp,type";
    assert.deepEqual(told(first), [
      ...["starting", "connected"],
      ...[{ type: "booting", tp: 1 }, booted, { type: "booting", tp: 2 }, booted],
      { ...finished, measured },
    ]);
    const written = await Deno.readTextFile(path);
    assert.deepEqual(told(await fire(lines, path)), ["starting", "connected", { ...finished, measured: 0 }]);
    assert.equal(await Deno.readTextFile(path), written);
    assert.equal(written.split("\n").filter((line) => line.includes('"type":"session"')).length, 1);
  }));

Deno.test("what is asked for now goes before what the plan asked: the quantity too", () =>
  withFolder(async (dir) => {
    const lines = await planLines();
    await assert.rejects(fire(lines, `${dir}/results.jsonl`, {}, { quantity: "kernel" }), {
      name: "UsageError",
      message: /kernel/,
    });
    const asking = await planLines({ quantity: "kernel" });
    await assert.rejects(fire(asking, `${dir}/other.jsonl`), { name: "UsageError", message: /kernel/ });
    await fire(asking, `${dir}/other.jsonl`, {}, { quantity: "wall" });
    assert.match((await Deno.readTextFile(`${dir}/other.jsonl`)).split("\n")[0]!, /"quantity":"wall"/);
  }));

Deno.test("failed shots of a plan are counted and named, and fired again when that is asked", () =>
  withFolder(async (dir) => {
    const lines = await planLines();
    const path = `${dir}/results.jsonl`;
    const shots = lines.slice(1).filter((line) => line !== "").length;
    const end = async (...args: Parameters<typeof fire>): Promise<[number, number]> => {
      const last = (await fire(...args)).at(-1)!;
      assert.ok(last.type === "finished");
      return [last.measured, last.failed.length];
    };
    const mishap = (): { failed: "infeasible" } => ({ failed: "infeasible" });
    assert.deepEqual(await end(lines, path, { mishap }), [0, shots]);
    assert.deepEqual(await end(lines, path), [0, shots]);
    assert.deepEqual(await end(lines, path, {}, { retryFailed: true }), [shots, 0]);
  }));
