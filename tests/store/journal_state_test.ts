/** What lines of a journal make of the state, one after the other. */
import assert from "node:assert/strict";
import type { EngineLine, JournalLine } from "../../src/journal/line.ts";
import type { Category } from "../../src/shots/shot.ts";
import { setEstimates } from "../../src/store/estimates.ts";
import { applyLine, emptyState, type JournalState } from "../../src/store/journal_state.ts";
import {
  degreesOf,
  dropRows,
  fileRows,
  type MeasuredRow,
  putBack,
  type Rows,
  setRow,
  tableOf,
} from "../../src/store/rows.ts";

const engine = (tp: number, more: Partial<EngineLine> = {}): EngineLine => ({
  ...{ type: "engine", tp, limits: {} as never, num_gpu_blocks: 100, layers: {}, engine_args: {} },
  ...more,
});
const NAMED = new Set(["sliding_attention"]);
const dense = { category: "dense", tp: 1, key: [16] } as const;
const attention = { category: "attention", tp: 2, key: [0, 0, 4, 128] } as const;
const skew = { category: "skew", tp: 1, key: [4, 1, 0, 0, 128, 512] } as const;
const failure = { kind: "out_of_memory", message: "no room" } as const;

function after(...lines: JournalLine[]): JournalState {
  const state = emptyState(NAMED);
  for (const line of lines) applyLine(state, line);
  return state;
}
const rowsAt = (state: JournalState, tp: number, category: Category): MeasuredRow[] => [
  ...tableOf(state.rows, tp, category).values(),
];

Deno.test("a shot's rows are the medians of its samples, with their spread, and replace those before", () => {
  const state = after(
    { type: "shot", ...dense, samples: { norm: [1, 3], proj: [4, 5, 9] } },
    { type: "shot", ...dense, samples: { norm: [8] } },
  );
  assert.deepEqual(rowsAt(state, 1, "dense"), [
    { layer: "norm", key: [16], timeUs: 8, spread: null },
    { layer: "proj", key: [16], timeUs: 5, spread: rowsAt(state, 1, "dense")[1]!.spread },
  ]);
  assert.ok(Math.abs(rowsAt(state, 1, "dense")[1]!.spread! - Math.sqrt(Math.PI / 2 * 3 / 2) / 3) < 1e-12);
  assert.deepEqual(state.samples, { dense: 3 }, "forwards, not samples of layers: 2, and 1 more");
  assert.equal(state.measured, 2);
});

Deno.test("attention rows name their layer where the architecture has several kinds", () => {
  const state = after({ type: "shot", ...attention, samples: { attention: [7], sliding_attention: [3] } });
  assert.deepEqual(rowsAt(state, 2, "attention").map(({ layer, timeUs }) => [layer, timeUs]), [
    [null, 7],
    ["sliding_attention", 3],
  ]);
});

Deno.test("engines are known by what was asked for, of each lane the last one", () => {
  const [first, second] = [{ asked: "00", lane: "device 0" }, { asked: "00", lane: "device 1" }];
  const { engines } = after(
    engine(1),
    engine(1, { asked: "01" }),
    engine(2, first),
    engine(2, second),
    engine(2, { ...first, num_gpu_blocks: 90 }),
  );
  assert.deepEqual(
    [...engines].map(([asked, byLane]) => [asked, [...byLane]]),
    [
      ["01", [["", engine(1, { asked: "01" })]]],
      ["00", [["device 0", engine(2, { ...first, num_gpu_blocks: 90 })], ["device 1", engine(2, second)]]],
    ],
  );
});

Deno.test("of a skew case each part is a time, and every sample a forward", () => {
  const state = after({ type: "shot", ...skew, samples: { t_mean: [1, 2, 3], t_skew: [5, 6] } });
  const { skewed, uniform, rows } = state.skew.get(1)!;
  assert.deepEqual([...skewed], [["4,1,0,0,128,512", 5.5]]);
  assert.deepEqual([...uniform], [["0,0,4,224", 2]]);
  assert.equal(rows.size, 0);
  assert.deepEqual([state.samples, state.measured], [{ skew: 5 }, 1]);
});

Deno.test("a failure stands until its shot is measured; a sentinel's is none of its shot", () => {
  const failed = { type: "failed", ...dense, ...failure } as const;
  assert.deepEqual([...after(failed).failed], [["dense tp1 16", { ...dense, ...failure }]]);
  assert.equal(after({ ...failed, sentinel: true }).failed.size, 0);
  assert.equal(after(failed, { type: "shot", ...dense, samples: { norm: [1] } }).failed.size, 0);
  const { measured, samples } = after(failed);
  assert.deepEqual([measured, samples], [0, {}]);
});

const fired: [string, JournalLine, boolean][] = [
  ["measured", { type: "shot", ...attention, samples: { attention: [7] } }, false],
  ["failed", { type: "failed", ...attention, ...failure }, false],
  ["archived", { type: "archived", ...attention }, false],
  ["fired as the sentinel in vain", { type: "failed", ...attention, ...failure, sentinel: true }, true],
  ["of another degree", { type: "shot", ...attention, tp: 1, samples: { attention: [7] } }, true],
  ["of another category", { type: "failed", ...attention, category: "dense", ...failure }, true],
];
for (const [what, line, stays] of fired) {
  Deno.test(`what is predicted for a shot that was ${what} ${stays ? "stays" : "goes"}`, () => {
    const state = emptyState(NAMED);
    setEstimates(state.estimates, 2, [{ key: attention.key, expectedError: 0.1, rows: [] }]);
    applyLine(state, line);
    assert.equal(state.estimates.get(2)!.size, stays ? 1 : 0);
  });
}

Deno.test("an archived shot has no rows until it is measured again", () => {
  const shot = { type: "shot", ...dense, samples: { norm: [1], proj: [2] } } as const;
  const other = { ...shot, key: [17] };
  const archived = after(shot, other, { type: "archived", ...dense });
  assert.deepEqual(rowsAt(archived, 1, "dense").map(({ key }) => key), [[17], [17]]);
  assert.deepEqual([...archived.archived.keys()], ["dense tp1 16"]);
  const again = after(shot, { type: "archived", ...dense }, shot);
  assert.equal(rowsAt(again, 1, "dense").length, 2);
  assert.equal(again.archived.size, 0);
});

Deno.test("names of kernels and lasting loads are kept, the last ones of a layer", () => {
  const load = (time_us: number): JournalLine => ({
    type: "sustained",
    ...dense,
    layers: { proj: { time_us, power_w: 300, sm_clock_mhz: null } },
  });
  const state = after(
    { type: "kernels", names: { ab: "gemm" } },
    { type: "kernels", names: { cd: "gather" } },
    load(5),
    load(6),
  );
  assert.deepEqual([...state.kernels], ["ab", "cd"]);
  assert.deepEqual([...state.sustained], [
    ["dense tp1 16 proj", { ...dense, layer: "proj", time_us: 6, power_w: 300, sm_clock_mhz: null }],
  ]);
});

const row = (layer: string | null, key: readonly number[], timeUs = 1): MeasuredRow => ({
  layer,
  key,
  timeUs,
});
function tables(entries: readonly (readonly [number, Category, MeasuredRow])[]): Rows {
  const rows: Rows = new Map();
  for (const [tp, category, each] of entries) setRow(tableOf(rows, tp, category), each);
  return rows;
}

const drops: [string, Parameters<typeof dropRows>[1], boolean, number][] = [
  ["every layer of a key", { category: "dense", tp: 1, key: [16] }, true, 3],
  ["a key that is not there", { category: "dense", tp: 1, key: [18] }, false, 5],
  ["a key of another degree", { category: "dense", tp: 2, key: [16] }, false, 5],
  ["experts", { category: "moe", tp: 1, key: [1, 8] }, true, 4],
  ["experts that are not there", { category: "moe", tp: 1, key: [8, 1] }, false, 5],
  ["attention of all layers", { category: "attention", tp: 1, key: [0, 0, 1, 16] }, true, 4],
];
for (const [what, shot, found, left] of drops) {
  Deno.test(`dropRows takes out ${what}: ${found}`, () => {
    const rows = tables([
      [1, "dense", row("norm", [16])],
      [1, "dense", row("proj", [16])],
      [1, "dense", row("proj", [17])],
      [1, "moe", row(null, [1, 8])],
      [1, "attention", row("sliding_attention", [0, 0, 1, 16])],
    ]);
    const before = structuredClone(rows);
    const dropped = dropRows({ rows, skew: new Map() }, shot);
    assert.equal(dropped !== null, found);
    assert.ok(dropped === null || dropped.rows.every(({ key }) => key.join() === shot.key.join()));
    assert.equal(
      [...rows.values()].flatMap((each) => [...each.values()]).reduce((n, { size }) => n + size, 0),
      left,
    );
    if (dropped !== null) putBack({ rows, skew: new Map() }, shot, dropped);
    const sorted = (all: Rows): unknown => [...tableOf(all, shot.tp, shot.category as Category)].sort();
    assert.deepEqual(sorted(rows), sorted(before), "what is put back is what was there");
  });
}

Deno.test("dropRows takes a skew case out, whether it was fired or has a row", () => {
  const text = skew.key.join();
  for (const [fired, listed] of [[true, true], [true, false], [false, true], [false, false]]) {
    const times = {
      rows: new Map(listed ? [[text, {} as never]] : []),
      skewed: new Map(fired ? [[text, 5]] : []),
      spreads: new Map(),
      uniform: new Map(),
    };
    const all = { rows: new Map(), skew: new Map([[1, times]]) };
    const dropped = dropRows(all, skew);
    assert.equal(dropped !== null, fired || listed);
    assert.deepEqual([times.rows.size, times.skewed.size], [0, 0]);
    if (dropped !== null) putBack(all, skew, dropped);
    assert.deepEqual([times.rows.size, times.skewed.size], [Number(listed), Number(fired)]);
  }
});

Deno.test("above degree 1 stable layers show the rows of degree 1, where it has any", () => {
  const rows = tables([
    [1, "dense", row("norm", [1], 10)],
    [1, "dense", row("proj", [1], 20)],
    [2, "dense", row("norm", [1], 11)],
    [2, "dense", row("norm", [2], 12)],
    [2, "dense", row("proj", [2], 21)],
    [2, "dense", row("rest", [2], 31)],
    [4, "attention", row(null, [0, 0, 1, 16])],
  ]);
  tableOf(rows, 8, "dense");
  const times = (tp: number, stable: string[]): number[] =>
    fileRows(rows, tp, "dense", new Set(stable)).map(({ timeUs }) => timeUs).sort((a, b) => a - b);
  assert.deepEqual(times(1, ["norm"]), [10, 20]);
  assert.deepEqual(times(2, ["norm"]), [10, 21, 31]);
  assert.deepEqual(times(2, ["rest"]), [11, 12, 21, 31]);
  assert.deepEqual(times(2, []), [11, 12, 21, 31]);
  assert.deepEqual(degreesOf(rows), [1, 2, 4]);
});
