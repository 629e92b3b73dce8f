import assert from "node:assert/strict";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { frames } from "../../src/view/frames/frames.ts";
import { interruptible } from "../../src/view/notebook/profile_shown.ts";
import { mimeBundle } from "../../src/view/notebook/show.ts";
import { notebookProgress } from "../../src/view/notebook_progress.ts";
import { readClocks, readDrifts, readSamples } from "../../src/view/timeline.ts";
import { withBundle } from "../bundle/with_bundle.ts";
import { SMALL, SUBJECT } from "./small_bundle.ts";

Deno.test("mimeBundle gives a figure as plotly's JSON, as SVG and as text", async () => {
  const figure = layerTimes({ subject: SUBJECT, size: "tokens", rows: SMALL.table(1, "dense") });
  const data = await mimeBundle(figure);
  assert.deepEqual(Object.keys(data), ["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"]);
  assert.match(String(data["image/svg+xml"]), /^<svg [^>]*viewBox="0 0 760 \d+"/);
  assert.match(
    String(data["text/plain"]),
    /^qkv_proj is the slowest layer at 64 tokens: 14\.4 µs\nSmall-1B on H100/,
  );
});

Deno.test("mimeBundle gives a table as HTML and as text, a text as it is", async () => {
  const data = await mimeBundle(frames(SMALL).perSequence(1));
  assert.deepEqual(Object.keys(data), ["text/html", "text/plain"]);
  assert.equal(
    data["text/plain"],
    "layer    sequences  time_us\nsampler          1        4\nsampler          4        7",
  );
  assert.deepEqual(await mimeBundle("a text"), { "text/plain": "a text" });
});

Deno.test("notebookProgress draws ten times a second at most, and the last state at the end", async () => {
  const drawn: { html: string; update: boolean }[] = [];
  const progress = notebookProgress({ draw: (html, update) => void drawn.push({ html, update }) });
  const begun = performance.now();
  progress.event({ type: "booting", tp: 1 });
  progress.event({ type: "planned", tp: 1, sweeps: [{ category: "dense", planned: 5000, done: 0 }] });
  progress.event({ type: "booted", tp: 1, limits: LIMITS, layers: {}, seconds: 1 });
  progress.event({ type: "sweep-started", tp: 1, category: "dense", planned: 5000, done: 0 });
  for (let i = 1; i <= 5000; i++) {
    progress.event({ type: "shot", tp: 1, category: "dense", key: [i], timesUs: {} });
    if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await progress.close();
  assert.ok(drawn.length <= (performance.now() - begun) / 100 + 2, `${drawn.length} updates`);
  assert.deepEqual(drawn.map(({ update }) => update), drawn.map((_, i) => i > 0));
  assert.match(drawn.at(-1)!.html, /<progress max="5000" value="5000">/);
});

Deno.test("notebookProgress shows the boot, warnings and the end, with marks escaped", async () => {
  let html = "";
  const progress = notebookProgress({ now: () => 0, draw: (drawn) => void (html = drawn) });
  progress.event({ type: "booting", tp: 2 });
  progress.event({ type: "notice", message: "<b>odd</b>" });
  progress.event({ type: "finished", dir: "perf/x", measured: 7, failed: [], inDoubt: 0, seconds: 2 });
  await progress.close();
  assert.match(html, /tp 2.*booting, 0\.0 s/);
  assert.match(html, /Note: &lt;b&gt;odd&lt;\/b&gt;/);
  assert.match(html, /perf\/x: 7 new shots in 2\.0 s/);
});

Deno.test("interruptible turns the interrupt into an abort, and the process lives on", async () => {
  const program = `
    import { interruptible } from "${new URL("../../src/view/notebook/profile_shown.ts", import.meta.url)}";
    const waiting = interruptible((signal) => {
      setTimeout(() => Deno.kill(Deno.pid, "SIGINT"), 10);
      const alive = setTimeout(() => {}, 5000);
      return new Promise((_, reject) => signal.onabort = () => { clearTimeout(alive); reject(signal.reason); });
    });
    await waiting.catch(({ name, message }) => console.log(name + ": " + message));
    console.log("alive");`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", program] }).output();
  assert.equal(
    new TextDecoder().decode(stdout),
    "AbortError: Interrupted: what was measured is kept; run the cell again to go on\nalive\n",
  );
});

Deno.test("interruptible gives what the action gives, and follows another signal", async () => {
  assert.equal(await interruptible(() => Promise.resolve(7)), 7);
  const reason = new Error("enough");
  await assert.rejects(
    interruptible((signal) => Promise.reject(signal.reason), AbortSignal.abort(reason)),
    reason,
  );
});

Deno.test("samples and clocks come from the journal, in the order of firing", async () => {
  const journal = [
    `{"type":"state","sm_clock_mhz":1980,${REST}}`,
    '{"type":"shot","category":"dense","tp":1,"key":[16],"samples":{"o_proj":[5,6],"qkv_proj":[8]}}',
    `{"type":"state","sm_clock_mhz":null,${REST}}`,
    '{"type":"sentinel","category":"dense","tp":1,"key":[16],"samples":{"o_proj":[5]},"clock_mhz":null,"drift":0.02,"moved":false}',
    '{"type":"shot","category":"moe","tp":1,"key":[4,8],"samples":{"moe":[50]}}',
    `{"type":"state","sm_clock_mhz":1755,${REST}}`,
    '{"type":"state","sm_clo',
  ].join("\n");
  await withBundle({ "journal.jsonl": journal }, async (dir) => {
    assert.deepEqual((await readSamples(dir)).map(({ order, layer, medianUs }) => [order, layer, medianUs]), [
      [0, "o_proj", 5.5],
      [0, "qkv_proj", 8],
      [1, "moe", 50],
    ]);
    assert.deepEqual(await readDrifts(dir), [{ order: 1, drift: 0.02 }]);
    assert.deepEqual(await readClocks(dir), [{ order: 0, mhz: 1980 }, { order: 2, mhz: 1755 }]);
  });
  await withBundle({}, async (dir) => {
    assert.deepEqual([await readSamples(dir), await readClocks(dir)], [[], []]);
  });
});

const REST = `"memory_clock_mhz":null,"temperature_c":null,"power_w":null,"throttle":[]`;

const LIMITS = {
  max_num_batched_tokens: 16,
  max_num_seqs: 1,
  num_cache_tokens: 64,
  max_model_len: 64,
  num_experts: null,
  top_k: null,
  block_size: 16,
};

Deno.test("figures stand on a dark page where SHOTLAB_THEME says so, unless the call says otherwise", async () => {
  const program = `
    import { mimeBundle } from "${new URL("../../src/view/notebook/show.ts", import.meta.url)}";
    const figure = { data: [], layout: { paper_bgcolor: "#FFFFFF" } };
    const pages = await Promise.all([{}, { theme: "light" }].map(async (options) =>
      (await mimeBundle(figure, options))["application/vnd.plotly.v1+json"].layout.paper_bgcolor));
    console.log(pages.join());`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    env: { SHOTLAB_THEME: "dark" },
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "#1E1E20,#FFFFFF\n");
});
