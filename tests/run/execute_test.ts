import assert from "node:assert/strict";
import type { RunEvent } from "../../src/events.ts";
import { fakeHarness, type FakeOptions, fakeTimeUs, type Mishap } from "./fakes.ts";
import { denseSweep, only, perSequenceSweep, textOfFile, tinyRun, withFolder } from "./tiny_run.ts";

/** An event without what differs from run to run. */
function brief(event: RunEvent): string {
  switch (event.type) {
    case "planned":
      return `planned ${
        event.sweeps.map(({ category, done, planned }) => `${category} ${done}/${planned}`).join(", ")
      }`;
    case "sweep-started":
      return `started ${event.category} tp${event.tp} ${event.done}/${event.planned}`;
    case "shot":
      return `shot ${event.category} ${event.key.join()} ${Object.keys(event.timesUs).join("+")}`;
    case "failed-shot":
      return `failed ${event.category} ${event.key.join()} ${event.kind}: ${event.message}`;
    case "sweep-finished":
      return `finished ${event.category} ${event.measured} measured, ${event.failed} failed`;
    default:
      return event.type;
  }
}

/** A mishap for the shots of so many tokens. */
function at(tokens: number, mishap: Mishap): Pick<FakeOptions, "mishap"> {
  return { mishap: (shot) => shot.category === "dense" && shot.tokens === tokens ? mishap : undefined };
}

async function rowsOf(dir: string): Promise<string[]> {
  const lines = (await textOfFile(dir, "tp1/dense.csv")).trimEnd().split("\n").slice(1);
  return lines.map((line) => line.split(",").slice(0, 2).join(" "));
}

Deno.test("execute tells the plan, each sweep and each shot", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1])]);
    const events = await tinyRun(dir, [denseSweep([1, 2]), perSequenceSweep([4])]);
    assert.deepEqual(events.map(brief), [
      "planned dense 1/2, per_sequence 0/1",
      "started dense tp1 1/2",
      "shot dense 2 proj+norm",
      "finished dense 1 measured, 0 failed",
      "started per_sequence tp1 0/1",
      "shot per_sequence 4 lm_head+sampler",
      "finished per_sequence 1 measured, 0 failed",
    ]);
  }));

Deno.test("execute tells a shot after its samples are in the journal", () =>
  withFolder(async (dir) => {
    const lines: number[] = [];
    await tinyRun(dir, [denseSweep([1, 2, 3])], {
      onEvent(event): void {
        if (event.type === "shot") {
          lines.push(Deno.readTextFileSync(`${dir}/journal.jsonl`).split('"type":"shot"').length - 1);
        }
      },
    });
    assert.deepEqual(lines, [1, 2, 3]);
  }));

Deno.test("execute makes a row of the median of the samples", () =>
  withFolder(async (dir) => {
    const harness = fakeHarness(at(1, { samples: [9, 1, 4.25] }));
    await tinyRun(dir, [denseSweep([1])], { source: { harness } });
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), "layer,tokens,time_us\nnorm,1,4.25\nproj,1,4.25\n");
  }));

Deno.test("execute records a failed shot with its reason, goes on, and fires it again on request only", () =>
  withFolder(async (dir) => {
    const source = { harness: fakeHarness(at(2, { failed: "out_of_memory" })) };
    const events = await tinyRun(dir, [denseSweep([1, 2, 3])], { source });
    assert.deepEqual(events.map(brief).slice(2), [
      "shot dense 1 proj+norm",
      "failed dense 2 out_of_memory: too many beads",
      "shot dense 3 proj+norm",
      "finished dense 2 measured, 1 failed",
    ]);
    const fired: string[] = [];
    await tinyRun(dir, [denseSweep([1, 2, 3])], { source: { harness: fakeHarness({ fired }) } });
    assert.deepEqual(fired, []);
    await tinyRun(dir, [denseSweep([1, 2, 3])], {
      source: { harness: fakeHarness({ fired }) },
      retryFailed: true,
    });
    assert.deepEqual(fired, ["dense tp1 2"]);
    assert.deepEqual(await rowsOf(dir), ["norm 1", "norm 2", "norm 3", "proj 1", "proj 2", "proj 3"]);
  }));

const UNUSABLE: Record<string, [number[], string]> = {
  "no sample": [[], "The times of layer 'proj' must have a median above 0 us, got []"],
  "a time of zero": [[0, 0, 5], "The times of layer 'proj' must have a median above 0 us, got [0,0,5]"],
};
for (const [name, [samples, message]] of Object.entries(UNUSABLE)) {
  Deno.test(`execute fails a shot of which no row can be made: ${name}`, () =>
    withFolder(async (dir) => {
      const events = await tinyRun(dir, [denseSweep([1, 2])], {
        source: { harness: fakeHarness(at(1, { samples })) },
      });
      assert.deepEqual(only(events, "failed-shot").map((event) => [event.kind, event.message]), [
        ["unsupported", message],
      ]);
      assert.deepEqual(await rowsOf(dir), ["norm 2", "proj 2"]);
    }));
}

Deno.test("execute tells that a harness was replaced", () =>
  withFolder(async (dir) => {
    let deaths = 1;
    const open = (): Promise<ReturnType<typeof fakeHarness>> =>
      Promise.resolve(fakeHarness({
        mishap: (shot) => shot.category === "dense" && shot.tokens === 2 && deaths-- > 0 ? "die" : undefined,
      }));
    const events = await tinyRun(dir, [denseSweep([1, 2, 3])], { source: { open } });
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "The harness broke and is replaced: Cannot fire dense tp1 2: die",
    ]);
    assert.equal(only(events, "shot").length, 3);
  }));

Deno.test("leaving the loop early keeps what was measured, writes it and releases the lock", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2, 3, 4])], {
      onEvent: (event) => event.type === "shot" && event.key[0] === 2,
    });
    assert.deepEqual(await rowsOf(dir), ["norm 1", "norm 2", "proj 1", "proj 2"]);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), ["journal.jsonl", "tp1"]);
    const fired: string[] = [];
    await tinyRun(dir, [denseSweep([1, 2, 3, 4])], { source: { harness: fakeHarness({ fired }) } });
    assert.deepEqual(fired, ["dense tp1 3", "dense tp1 4"]);
  }));

Deno.test("an abort rejects with the signal's reason and keeps what was measured", () =>
  withFolder(async (dir) => {
    const controller = new AbortController();
    const run = tinyRun(dir, [denseSweep([1, 2, 3, 4])], {
      signal: controller.signal,
      onEvent(event): void {
        if (event.type === "shot" && event.key[0] === 2) controller.abort(new Error("enough"));
      },
    });
    await assert.rejects(run, { message: "enough" });
    assert.deepEqual(await rowsOf(dir), ["norm 1", "norm 2", "proj 1", "proj 2"]);
  }));

Deno.test("an error of the consumer keeps what was measured", () =>
  withFolder(async (dir) => {
    const run = tinyRun(dir, [denseSweep([1, 2])], {
      onEvent(event): void {
        if (event.type === "shot") throw new Error("the view broke");
      },
    });
    await assert.rejects(run, { message: "the view broke" });
    assert.deepEqual(await rowsOf(dir), ["norm 1", "proj 1"]);
  }));

Deno.test("again fires every shot; an old row stands until its new one is measured", () =>
  withFolder(async (dir) => {
    const slow = fakeHarness({ mishap: () => ({ samples: [900] }) });
    await tinyRun(dir, [denseSweep([1, 2])], { source: { harness: slow } });
    await tinyRun(dir, [denseSweep([1, 2])], {
      again: true,
      onEvent: (event) => event.type === "shot" && event.key[0] === 1,
    });
    const time = fakeTimeUs({ category: "dense", tp: 1, tokens: 1 }, "proj");
    assert.match(await textOfFile(dir, "tp1/dense.csv"), new RegExp(`^proj,1,${time}\nproj,2,900\n`, "m"));
  }));
