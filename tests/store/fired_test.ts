/** A journal away from its bundle: its header, its sessions, and which files are gone on with. */
import assert from "node:assert/strict";
import { parsePlan } from "../../src/shots/plan_file.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { resolveSettings } from "../../src/settings.ts";
import { formatPlan, planHeader } from "../../src/shots/plan_file.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { openFired } from "../../src/store/fired.ts";
import { fakeHarness } from "../run/fakes.ts";
import { SMALL } from "../run/small_model.ts";
import { withFolder } from "../run/tiny_run.ts";

const settings = resolveSettings(SMALL);
const model = await loadModel(settings.model);
const plan = planHeader(settings, model, []);
const { info } = fakeHarness();
const SHOT: Shot = { category: "dense", tp: 1, tokens: 16 };
const WATCH = { every_s: 30, share: 0.25 };

const linesOf = async (path: string): Promise<Record<string, unknown>[]> =>
  (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("a new journal begins with its plan; a session's line comes with what it records first", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    {
      await using journal = await openFired(path, { plan, quantity: "wall", nowS: () => 1234.5 });
      assert.deepEqual([journal.notices, journal.skewMode, journal.skewProblem()], [[], null, null]);
      journal.start(info, WATCH, false);
      await journal.save();
      assert.equal((await linesOf(path)).length, 1);
      journal.measured(SHOT, { norm: [1, 3], proj: [4] });
      journal.note({ type: "cost", wall_us: 900, device_busy_us: null }, { lane: "device 1" });
      journal.note({ type: "cost", wall_us: 901, device_busy_us: 18 });
      journal.note({ type: "kernels", names: { ab: "gemm" } });
      journal.note({ type: "kernels", names: { ab: "gemm", cd: "gather" } });
      journal.note({ type: "kernels", names: { cd: "gather" } });
      const state = {
        type: "state",
        sm_clock_mhz: 1980,
        memory_clock_mhz: null,
        temperature_c: 38,
        power_w: 90.5,
        throttle: [],
      } as const;
      journal.note(state);
      journal.note(state, { atS: 7 });
      journal.note(state, { atS: null, lane: "device 0" });
      journal.fail(SHOT, "timeout", "too late", { lane: "device 0" });
      journal.fail(SHOT, "timeout", "too late", { sentinel: true });
      const kernels = { attention: ["ab"] };
      journal.sentinel(SHOT, {
        samples: { attention: [5] },
        clocks: { latest: 1980 },
        lane: "device 0",
        kernels,
      });
    }
    const [header, session, ...lines] = await linesOf(path);
    const { id, started, ...rest } = header!;
    assert.match(id as string, /^[0-9a-f]{8}$/);
    assert.ok(Math.abs(Date.parse(started as string) - Date.now()) < 60_000);
    assert.deepEqual(rest, {
      type: "plan",
      format: 2,
      quantity: "wall",
      plan: JSON.parse(JSON.stringify(plan)),
    });
    const { started: begun, identity, ...opened } = session!;
    assert.ok(Math.abs(Date.parse(begun as string) - Date.now()) < 60_000);
    assert.deepEqual((identity as Record<string, unknown>)["device"], info.device);
    assert.deepEqual(opened, {
      type: "session",
      format: 2,
      settings: JSON.parse(JSON.stringify(plan.settings)),
      watch: WATCH,
    });
    const id16 = { category: "dense", tp: 1, key: [16] };
    const state = {
      type: "state",
      sm_clock_mhz: 1980,
      memory_clock_mhz: null,
      temperature_c: 38,
      power_w: 90.5,
      throttle: [],
    };
    assert.deepEqual(lines, [
      { type: "shot", ...id16, samples: { norm: [1, 3], proj: [4] } },
      { type: "cost", wall_us: 900, device_busy_us: null, lane: "device 1" },
      { type: "cost", wall_us: 901, device_busy_us: 18 },
      { type: "kernels", names: { ab: "gemm" } },
      { type: "kernels", names: { cd: "gather" } },
      { ...state, at_s: 1234.5 },
      { ...state, at_s: 7 },
      { ...state, lane: "device 0" },
      { type: "failed", ...id16, kind: "timeout", message: "too late", lane: "device 0" },
      { type: "failed", ...id16, kind: "timeout", message: "too late", sentinel: true },
      {
        type: "sentinel",
        ...id16,
        samples: { attention: [5] },
        clock_mhz: 1980,
        at_s: 1234.5,
        kernels: { attention: ["ab"] },
        lane: "device 0",
      },
    ]);
  }));

Deno.test("a journal of the same plan is gone on with, its shots known; an accepted speed is said", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    {
      await using journal = await openFired(path, { plan, quantity: "wall" });
      assert.throws(() => journal.measured(SHOT, { norm: [1] }), {
        name: "UsageError",
        message: `Cannot record a shot in ${path}: start the session first`,
      });
      journal.start(info, null, false);
      journal.fail(SHOT, "timeout", "too late");
      assert.equal(journal.hasFailed(SHOT), true);
    }
    const read = parsePlan([...formatPlan(plan, [])].join("").trimEnd().split("\n")).header;
    await using again = await openFired(path, { plan: read, quantity: "wall" });
    assert.deepEqual(again.failed, [{
      category: "dense",
      tp: 1,
      key: [16],
      kind: "timeout",
      message: "too late",
    }]);
    again.start(info, null, true);
    again.measured(SHOT, { norm: [1] });
    await again.save();
    const sessions = (await linesOf(path)).filter(({ type }) => type === "session");
    assert.deepEqual(sessions.map(({ watch, accept_speed }) => [watch, accept_speed]), [[null, undefined], [
      null,
      true,
    ]]);
    assert.equal((await linesOf(path)).filter(({ type }) => type === "plan").length, 1);
  }));

const HEADER = {
  type: "plan",
  format: 2,
  id: "00000000",
  started: "2026-03-01T09:30:00Z",
  quantity: "wall",
  plan,
};
const foreign: [string, string, string][] = [
  [
    "a results file",
    '{"type":"results","format":1}\n',
    "Cannot go on in <path>: it is a results file, which is read and not written any more; ingest it, and fire into " +
    "another file",
  ],
  [
    "some other file",
    "layer,tokens,time_us\n",
    "Cannot write results to <path>: it is another file; choose another name or remove it",
  ],
  [
    "another quantity",
    `${JSON.stringify({ ...HEADER, quantity: "kernel" })}\n`,
    "Cannot go on in <path>: it holds times of quantity kernel, asked for wall; choose another file",
  ],
  [
    "another plan",
    `${JSON.stringify({ ...HEADER, plan: { ...plan, settings: { ...plan.settings, seed: 99 } } })}\n`,
    "Cannot go on in <path>: it holds results of another plan; choose another file",
  ],
];
for (const [what, text, message] of foreign) {
  Deno.test(`a journal is not gone on with in ${what}, which is left as it is`, () =>
    withFolder(async (dir) => {
      const path = `${dir}/journal.jsonl`;
      await Deno.writeTextFile(path, text);
      await assert.rejects(openFired(path, { plan, quantity: "wall" }), {
        name: "UsageError",
        message: message.replace("<path>", path),
      });
      assert.equal(await Deno.readTextFile(path), text);
    }));
}

for (const text of ["", '{"type":"plan","form']) {
  Deno.test(`a journal that was cut in its first line is begun anew: '${text}'`, () =>
    withFolder(async (dir) => {
      const path = `${dir}/journal.jsonl`;
      await Deno.writeTextFile(path, text);
      {
        await using journal = await openFired(path, { plan, quantity: "wall" });
        journal.start(info, null, false);
        journal.measured(SHOT, { norm: [1] });
      }
      assert.deepEqual((await linesOf(path)).map(({ type }) => type), ["plan", "session", "shot"]);
    }));
}
