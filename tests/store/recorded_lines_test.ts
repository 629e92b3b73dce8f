/** The lines that a session writes, letter by letter: which fields, in which order, and when a line is written. */
import assert from "node:assert/strict";
import type { JournalFile } from "../../src/journal/file.ts";
import { identityOf } from "../../src/journal/identity.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { openSession, type Session, type StartOptions } from "../../src/store/session.ts";
import { fakeHarness, tinyArchitecture } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { attentionSweep, denseSweep, withFolder } from "../run/tiny_run.ts";

const identity = identityOf(fakeHarness().info, {
  dtype: "bfloat16",
  kv_cache_dtype: "auto",
  quantity: "wall",
});
const SHOT = denseSweep([16]).shots[0]! as Shot;
const DECODES = attentionSweep([2], 4).shots[0]! as Shot;
const booted = {
  ...await fakeHarness().boot(TINY_BOOT),
  limits: { max_num_batched_tokens: 64, max_num_seqs: 8 },
  layers: { proj: { class: "Linear", modules: 2 } },
  engine_args: { seed: 0 },
} as unknown as Parameters<Session["engine"]>[0]["booted"];
const device = {
  ...{ type: "state", sm_clock_mhz: 1980, memory_clock_mhz: null, temperature_c: 38, power_w: 90.5 } as const,
  throttle: ["idle"],
};

/** A file that keeps what is done to it; told to, its disk refuses to hold anything. */
function fakeFile(refuses = false): { file: JournalFile; did: string[] } {
  const did: string[] = [];
  const note = (what: string): void => void did.push(what);
  const file: JournalFile = {
    write: (bytes) => note(new TextDecoder().decode(bytes)),
    truncate: (bytes) => note(`cut to ${bytes}`),
    sync: () => refuses ? Promise.reject(new Error("no room")) : Promise.resolve(note("sync")),
    [Symbol.dispose]: () => note("close"),
  };
  return { file, did };
}

/** What is done to a new journal's file while a session is used, and when it is closed. */
async function doneBy(
  use: (session: Session) => unknown,
  start: Partial<StartOptions> = {},
): Promise<string[]> {
  const { file, did } = fakeFile();
  await withFolder(async (dir) => {
    await using session = await openSession(dir, {
      architecture: tinyArchitecture(),
      openFile: () => file,
      nowS: () => 1234.5,
    });
    session.start({ identity, settings: { seed: 3 }, started: new Date(0), ...start });
    await use(session);
  });
  return did;
}

const DENSE = '"category":"dense","tp":1,"key":[16]';
const ENGINE = '"limits":{"max_num_batched_tokens":64,"max_num_seqs":8},"num_gpu_blocks":' +
  `${booted.num_gpu_blocks},"layers":{"proj":{"class":"Linear","modules":2}},"engine_args":{"seed":0}`;
const STATE =
  '{"type":"state","sm_clock_mhz":1980,"memory_clock_mhz":null,"temperature_c":38,"power_w":90.5,' +
  '"throttle":["idle"]';
const lane = "device 1";
const clocks = { latest: 1980, clocks_mhz: [1500, 1980] } as const;

const lines: [what: string, use: (session: Session) => unknown, line: string | null][] = [
  [
    "a shot",
    (to) => to.measured(SHOT, { norm: [1, 3], proj: [2.5] }),
    `{"type":"shot",${DENSE},"samples":{"norm":[1,3],"proj":[2.5]}}`,
  ],
  [
    "all that a harness tells of a shot",
    (to) =>
      to.measured(SHOT, { norm: [1] }, {
        ...{ stop: "max", kernels: { norm: ["ab"] }, kernel_sums: { norm: [2] }, recordings: 2 },
        ...{ shot_clocks_mhz: [1980, 1384], lane },
      }),
    `{"type":"shot",${DENSE},"samples":{"norm":[1]},"stop":"max","kernels":{"norm":["ab"]},` +
    '"kernel_sums":{"norm":[2]},"recordings":2,"shot_clocks_mhz":[1980,1384],"lane":"device 1"}',
  ],
  [
    "a shot of decodes",
    (to) => to.measured(DECODES, { attn: [5] }),
    '{"type":"shot","category":"attention","tp":4,"key":[0,0,2,16],"samples":{"attn":[5]}}',
  ],
  [
    "a failure",
    (to) => to.fail(SHOT, "timeout", "too late"),
    `{"type":"failed",${DENSE},"kind":"timeout","message":"too late"}`,
  ],
  [
    "a failure of a lane",
    (to) => to.fail(SHOT, "out_of_memory", "no room", { lane, sentinel: false }),
    `{"type":"failed",${DENSE},"kind":"out_of_memory","message":"no room","lane":"device 1"}`,
  ],
  [
    "a sentinel's failure",
    (to) => to.fail(SHOT, "timeout", "too late", { sentinel: true, lane }),
    `{"type":"failed",${DENSE},"kind":"timeout","message":"too late","sentinel":true,"lane":"device 1"}`,
  ],
  ["an engine", (to) => to.engine({ tp: 2, booted }), `{"type":"engine","tp":2,${ENGINE}}`],
  [
    "an engine of some experts, under conditions, of a lane",
    (to) => to.engine({ tp: 1, ep: 4, booted: { ...booted, conditions: { cold: true } } }, lane),
    `{"type":"engine","tp":1,${ENGINE},"ep":4,"conditions":{"cold":true},"lane":"device 1"}`,
  ],
  [
    "a sentinel",
    (to) => to.sentinel(DECODES, { samples: { attn: [5, 6] }, clocks: { latest: null } }),
    '{"type":"sentinel","category":"attention","tp":4,"key":[0,0,2,16],"samples":{"attn":[5,6]},' +
    '"clock_mhz":null,"at_s":1234.5}',
  ],
  [
    "a sentinel with its clocks and kernels, of a lane",
    (to) => to.sentinel(SHOT, { samples: { norm: [5] }, kernels: { norm: ["ab"] }, clocks, lane }),
    `{"type":"sentinel",${DENSE},"samples":{"norm":[5]},"clock_mhz":1980,"clocks_mhz":[1500,1980],` +
    '"at_s":1234.5,"kernels":{"norm":["ab"]},"lane":"device 1"}',
  ],
  ["a state, which is of now", (to) => to.note(device), `${STATE},"at_s":1234.5}`],
  ["a state of another time", (to) => to.note(device, { atS: 0 }), `${STATE},"at_s":0}`],
  ["a state of no known time", (to) => to.note(device, { atS: null, lane }), `${STATE},"lane":"device 1"}`],
  [
    "a lasting load",
    (to) =>
      to.note({
        ...{ type: "sustained", shot: SHOT },
        layers: { proj: { time_us: 5, power_w: null, sm_clock_mhz: 1500 } },
      }),
    `{"type":"sustained",${DENSE},"layers":{"proj":{"time_us":5,"power_w":null,"sm_clock_mhz":1500}}}`,
  ],
  [
    "names of kernels",
    (to) => to.note({ type: "kernels", names: { ab: "gemm", cd: "gather" } }),
    '{"type":"kernels","names":{"ab":"gemm","cd":"gather"}}',
  ],
  ["no names of kernels", (to) => to.note({ type: "kernels", names: {} }), null],
  ["what a chunk cost", (to) => to.note({ type: "cost", wall_us: 9, device_busy_us: 8 }), null],
  ["seconds that a sweep took", (to) => to.spend(1, "dense", { seconds: 1 }), null],
];
const SESSION = '{"type":"session","format":2,"started":"1970-01-01T00:00:00.000Z",' +
  `"identity":${JSON.stringify(identity)},"settings":{"seed":3},"watch":null}\n`;
for (const [what, use, line] of lines) {
  Deno.test(`${what}: ${line === null ? "nothing is written" : "one line, after the session's"}`, async () => {
    const did = line === null ? [] : ["cut to 0", SESSION, `${line}\n`, "sync", "close"];
    assert.deepEqual(await doneBy(use), did);
  });
}

const openers: [Partial<StartOptions>, string][] = [
  [{ watch: { every_s: 30, share: 0.03 } }, '"watch":{"every_s":30,"share":0.03}}'],
  [{ acceptSpeed: false, watch: null }, '"watch":null}'],
  [{ acceptSpeed: true }, '"watch":null,"accept_speed":true}'],
  [{ origin: "other.jsonl" }, '"watch":null,"origin":"other.jsonl"}'],
  [{ acceptSpeed: true, origin: "" }, '"watch":null,"accept_speed":true,"origin":""}'],
];
for (const [start, end] of openers) {
  Deno.test(`a session's line that was started with ${JSON.stringify(start)} ends with ${end}`, async () => {
    const [, line] = await doneBy((session) => session.fail(SHOT, "timeout", "too late"), start);
    assert.equal(line, SESSION.replace('"watch":null}', end));
  });
}

Deno.test("a save puts the journal on the disk; where nothing was recorded there is none", async () => {
  assert.deepEqual(await doneBy((session) => session.save()), []);
  const did = await doneBy(async (session) => {
    session.fail(SHOT, "timeout", "too late");
    await session.save();
    session.fail(SHOT, "timeout", "later");
  });
  assert.deepEqual(did.map((what) => what.slice(0, 15)), [
    ...["cut to 0", '{"type":"sessio', '{"type":"failed', "sync", '{"type":"failed', "sync", "close"],
  ]);
});

Deno.test("a disk that refuses the last of a journal is told, and the bundle is free all the same", () =>
  withFolder(async (dir) => {
    const { file, did } = fakeFile(true);
    const options = { architecture: tinyArchitecture(), openFile: () => file };
    const session = await openSession(dir, options);
    session.start({ identity, settings: {} });
    session.fail(SHOT, "timeout", "too late");
    await assert.rejects(openSession(dir, options), { name: "UsageError" });
    await assert.rejects(async () => await session[Symbol.asyncDispose](), {
      name: "UsageError",
      message: `Cannot write ${dir}/journal.jsonl: no room`,
    });
    assert.equal(did.at(-1), "close");
    await using _again = await openSession(dir, options);
  }));
