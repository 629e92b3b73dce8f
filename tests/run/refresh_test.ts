import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import type { Harness } from "../../src/harness/harness.ts";
import type { RunEvent } from "../../src/events.ts";
import { refresh } from "../../src/run/refresh.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

Deno.test("refresh measures one sweep again and renews the copies of its stable layers", () =>
  withFolder(async (dir) => {
    await told(dir, {}, { mishap: () => ({ samples: [77] }) });
    const fired: string[] = [];
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ fired }));
    await refresh({ ...SMALL, perfDir: dir }, { tp: 1, category: "dense" }, { open });
    assert.deepEqual([...new Set(fired.map((shot) => shot.split(" ").slice(0, 2).join(" ")))], ["dense tp1"]);
    const rows = await rowsOfBundle(smallBundle(dir));
    const old = rows.filter((row) => row.endsWith(" 77")).map((row) => row.split(" ").slice(0, 3).join(" "));
    assert.ok(!old.some((row) => row.startsWith("tp1 dense")));
    assert.ok(!old.includes("tp2 dense layernorm"));
    assert.ok(old.includes("tp2 dense qkv_proj"));
  }));

Deno.test("refresh measures the skew cases of a degree again, and fits the alphas anew", () =>
  withFolder(async (dir) => {
    await told(dir);
    const before = await openBundle(smallBundle(dir));
    const fired: string[] = [];
    const events: RunEvent[] = [];
    const mishap: FakeOptions["mishap"] = (shot) =>
      shot.category === "skew" ? { samples: [77, 77, 77] } : undefined;
    const bundle = await refresh({ ...SMALL, perfDir: dir }, { tp: 1, category: "skew" }, {
      open: () => Promise.resolve(fakeHarness({ fired, mishap })),
      onEvent: (event) => void events.push(event),
    });
    assert.equal(fired.length, bundle.skew(1).length);
    assert.ok(bundle.skew(1).every((row) => row.t_skew_us === 77));
    assert.deepEqual(bundle.skew(2), before.skew(2));
    assert.notDeepEqual(bundle.skewFit(1), before.skewFit(1));
    assert.equal(only(events, "fitted").length, 1);
  }));

Deno.test("refresh refuses a sweep that is not measured", () =>
  withFolder(async (dir) => {
    const options = { open: () => Promise.resolve(fakeHarness()) };
    await assert.rejects(refresh({ ...SMALL, perfDir: dir }, { tp: 2, category: "moe" }, options), {
      name: "UsageError",
      message: "Cannot measure moe at tp 2 again: it is not measured there; " +
        "choose one of dense, per_sequence, attention, skew, or another tp",
    });
  }));
