/** A notebook's progress, state by state, and the page that lists reports. */
import assert from "node:assert/strict";
import type { RunEvent } from "../../src/events.ts";
import { send } from "../../src/view/notebook/kernel.ts";
import { notebookProgress } from "../../src/view/notebook_progress.ts";
import { indexPage } from "../../src/view/report/index_page.ts";
import { predictRow, predictSkew } from "../../src/view/predictions.ts";
import { sustainedFrame } from "../../src/view/frames/sustained_frame.ts";
import type { Sustained } from "../../src/bundle/meta_blocks.ts";
import type { Predictor } from "../../src/predict/predictor.ts";
import { CASE, SMALL } from "./small_bundle.ts";

const LIMITS = {} as Extract<RunEvent, { type: "booted" }>["limits"];

/** What is drawn at last of some events, each a second after the one before. */
async function drawnOf(events: readonly RunEvent[]): Promise<string> {
  let [html, nowMs] = ["", 0];
  const progress = notebookProgress({ now: () => nowMs, draw: (drawn) => void (html = drawn) });
  for (const event of events) {
    progress.event(event);
    nowMs += 1000;
  }
  await progress.close();
  return html;
}
const rowsOf = (html: string): string[] =>
  [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, cells]) =>
    cells!.replaceAll(/<progress max="(\d+)" value="(\d+)"><\/progress>/g, "$2/$1").replaceAll(
      /<[^>]*>/g,
      " ",
    )
      .replaceAll(/\s+/g, " ").trim()
  );
const boot: RunEvent[] = [
  { type: "booting", tp: 2 },
  { type: "planned", tp: 2, sweeps: [{ category: "dense", planned: 4, done: 1 }] },
  { type: "booted", tp: 2, limits: LIMITS, layers: {}, seconds: 1 },
];

Deno.test("a degree that boots has a line of its own, with how long it has been", async () => {
  assert.deepEqual(rowsOf(await drawnOf([{ type: "booting", tp: 2 }])), ["tp 2 booting, 1.0 s"]);
  assert.deepEqual(rowsOf(await drawnOf([{ type: "booting", tp: 2 }, { type: "booting", tp: 2 }])).length, 1);
});

Deno.test("a degree that was complete already has a full bar, and those beside it their own", async () => {
  const complete = (tp: number): RunEvent => ({ type: "complete", tp, shots: 7 });
  assert.deepEqual(rowsOf(await drawnOf([complete(1), ...boot, complete(4), complete(8)])), [
    "tp 1 7/7 7/7",
    "tp 2 1/4 1/4",
    "dense 1/4 1/4",
    "tp 4 7/7 7/7",
    "tp 8 7/7 7/7",
  ]);
});

Deno.test("a degree that was booted has a bar of all its shots, and one of each sweep", async () => {
  const started: RunEvent = { type: "sweep-started", tp: 2, category: "dense", planned: 4, done: 1 };
  const shot: RunEvent = { type: "shot", tp: 2, category: "dense", key: [1], timesUs: {} };
  const rows = rowsOf(await drawnOf([...boot, started, shot, shot]));
  assert.equal(rows.length, 2);
  assert.match(rows[0]!, /^tp 2 3\/4/);
  assert.match(rows[1]!, /^dense 3\/4/);
  const next = rowsOf(await drawnOf([...boot, started, { type: "booting", tp: 4 }]));
  assert.match(next.at(-1)!, /^tp 4 booting, 1\.0 s$/);
  assert.equal(next.length, 3);
});

Deno.test("warnings are shown one below the other, as many as there is room for, then how many more", async () => {
  const notices = (count: number): RunEvent[] =>
    Array.from({ length: count }, (_, i) => ({ type: "notice", message: `n${i}.` }));
  const counts = await Promise.all([1, 2, 3, 10, 100].map(async (count) => {
    const html = await drawnOf(notices(count));
    const shown = [...html.matchAll(/n\d+\./g)].length;
    const more = Number(/and (\d+) more/.exec(html)?.[1] ?? 0);
    assert.equal(shown + more, count);
    return [shown, more];
  }));
  assert.deepEqual(counts[0], [1, 0]);
  assert.deepEqual(counts.at(-1)![0], counts.at(-2)![0], "no more than there is room for");
});

Deno.test("an output is not lost outside of a kernel: nothing is sent, and soon", async () => {
  const begun = performance.now();
  await send({ "text/plain": "x".repeat(100_000), "application/json": { a: 1 } });
  const plainMs = performance.now() - begun;
  assert.ok(plainMs >= 30, `${plainMs} ms`);
  const again = performance.now();
  await send({ "text/plain": "x" }, { id: "a", update: true });
  assert.ok(performance.now() - again < plainMs);
});

Deno.test("the index lists each bundle with a link, its degrees, engine, doubts and day", async () => {
  const bundle = (meta: object): typeof SMALL => ({ ...SMALL, meta });
  const html = await indexPage("/reports", [
    {
      bundle: bundle({
        ...{ hardware: "H100", model: "o/m", variant: "bf16", quantity: "kernel", engine: "vllm" },
        ...{ engine_version: "0.26.0", profiled_at: "2026-03-01T09:30:00+00:00", noise: { in_doubt: 1234 } },
      }),
      report: "/reports/a b/c?.html",
    },
    { bundle: bundle({}), report: "/reports/d.html" },
  ]);
  const rows = [...html.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...row!.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs)].map(([, cell]) => cell)
  );
  assert.deepEqual(rows.slice(1), [
    [
      ...["H100", '<a href="a%20b/c%3F.html">o/m</a>', "bf16", "1, 2", "kernel", "vllm 0.26.0", "1,234"],
      "2026-03-01",
    ],
    ["?", '<a href="d.html">?</a>', "", "1, 2", "", "", "0", ""],
  ]);
  assert.match(html, /Bundles of H100, \?/);
  assert.match(html, /2 bundles/);
});

Deno.test("a row is asked of its own table, at its own key, in microseconds", () => {
  const asked: unknown[] = [];
  const note = (name: string, ns: number | null = 2000) => (...query: unknown[]): number | null => {
    asked.push([name, ...query]);
    return ns;
  };
  const predictor = {
    ...{ dense: note("dense"), perSequence: note("perSequence"), attention: note("attention") },
    ...{ linearAttention: note("linearAttention", null), moe: note("moe"), batch: note("batch", 5000) },
  } as unknown as Predictor;
  const row = (
    key: number[],
    layer: string | null = "a",
  ): { layer: string | null; key: number[]; timeUs: number } => ({
    ...{ layer, key, timeUs: 1 },
  });
  const times = [
    predictRow(predictor, 2, "dense", row([16])),
    predictRow(predictor, 2, "per_sequence", row([4])),
    predictRow(predictor, 2, "attention", row([16, 1, 2, 3], null)),
    predictRow(predictor, 2, "linear_attention", row([16, 4])),
    predictRow(predictor, 2, "moe", row([16, 8], null)),
    predictSkew(predictor, 2, CASE),
    predictSkew(predictor, 2, { ...CASE, pc: 0, nb: 4 }),
  ];
  assert.deepEqual(times, [2, 2, 2, 0, 2, 5, 5]);
  assert.deepEqual(asked, [
    ["dense", 2, "a", 16],
    ["perSequence", 2, "a", 4],
    ["attention", 2, { chunk: 16, kvPrefill: 1, nDecode: 2, kvDecode: 3 }],
    ["linearAttention", 2, "a", { prefillTokens: 16, nDecode: 4 }],
    ["moe", { tokens: 16, activatedExperts: 8 }],
    ["batch", 2, {
      prefills: [{ chunk: 16, history: 0 }],
      decodes: [{ kv: 64, count: 1 }, { kv: 16, count: 3 }],
    }],
    ["batch", 2, { prefills: [], decodes: [{ kv: 64, count: 4 }] }],
  ]);
});

Deno.test("lasting loads have their row's time, and the energy of the time that is known", () => {
  const load = (changes: Partial<Sustained>): Sustained => ({
    ...{ category: "dense", tp: 1, key: [16], layer: "a", time_us: 700, power_w: 500, sm_clock_mhz: 1500 },
    ...changes,
  });
  const frame = sustainedFrame({
    meta: {
      sustained: [
        load({}),
        load({ time_us: null }),
        load({ power_w: null }),
        load({ layer: "c", time_us: null }),
        load({ category: "attention", layer: "attention", key: [0, 0, 1, 16] }),
      ],
    },
    table: (_, category) =>
      category === "attention"
        ? [{ layer: null, key: [0, 0, 1, 16], timeUs: 9 }]
        : [{ layer: "b", key: [16], timeUs: 1 }, { layer: "a", key: [32], timeUs: 2 }, {
          layer: "a",
          key: [16],
          timeUs: 600,
        }],
  });
  const rows = frame.rows().map((row) => [row[1], row[4], row[5], row[6], row[7]]);
  assert.deepEqual(rows, [
    ["a", 600, 700, 500, 350],
    ["a", 600, null, 500, 300],
    ["a", 600, 700, null, null],
    ["c", null, null, 500, null],
    ["attention", 9, 700, 500, 350],
  ]);
  assert.equal(sustainedFrame({ meta: {}, table: () => [] }).height, 0);
});
