import assert from "node:assert/strict";
import type { LaneSource } from "../../src/workers/lane.ts";
import { firedBy, row, WHOLE } from "../run/dense_run.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { formatTimeUs } from "../../src/number_format.ts";
import { fakeHarness, type FakeOptions, fakeTimeUs, tinyArchitecture } from "../run/fakes.ts";
import {
  attentionSweep,
  denseSweep,
  only,
  perSequenceSweep,
  putFile,
  textOfFile,
  tinyRun,
  withFolder,
} from "../run/tiny_run.ts";

Deno.test("a run writes sorted tables and fires nothing when it is repeated", () =>
  withFolder(async (dir) => {
    assert.deepEqual(await firedBy(dir, [denseSweep([2, 1])]), ["dense tp1 2", "dense tp1 1"]);
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])]), []);
  }));

Deno.test("a bundle without a journal resumes from its rows", () =>
  withFolder(async (dir) => {
    await putFile(dir, "tp1/dense.csv", WHOLE.replace(row("proj", 2), "").replace(row("norm", 2), ""));
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])]), ["dense tp1 2"]);
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
  }));

const FAULTS: Record<string, [faulty: string, notice: RegExp]> = {
  "NaN": ["proj,2,nan\n", /1 found, the first: error: \S+dense.csv, row 5, column time_us/],
  "zero": ["proj,2,0\n", /row 5, column time_us/],
  "negative": ["proj,2,-3.5\n", /row 5, column time_us/],
  "blank": ["proj,2,\n", /row 5, column time_us/],
  "cut row": ["proj,2\n", /row 5/],
  "cut number": [row("proj", 2).slice(0, -2), /row 5/],
};
for (const [name, [faulty, notice]] of Object.entries(FAULTS)) {
  Deno.test(`a row that is faulty (${name}) is measured again, and the reason told`, () =>
    withFolder(async (dir) => {
      await putFile(dir, "tp1/dense.csv", WHOLE.replace(row("proj", 2), faulty));
      const fired: string[] = [];
      const events = await tinyRun(dir, [denseSweep([1, 2])], {
        source: { harness: fakeHarness({ fired }) },
      });
      assert.deepEqual(fired, ["dense tp1 2"]);
      assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
      const [told] = only(events, "notice");
      assert.match(told!.message, /what is not valid counts as not measured/);
      assert.match(told!.message, notice);
    }));
}

Deno.test("a row with bytes that are no text is measured again, the others of its file stand", () =>
  withFolder(async (dir) => {
    await putFile(dir, "tp1/dense.csv", WHOLE);
    const [before, after] = WHOLE.split(row("proj", 2)).map((text) => new TextEncoder().encode(text));
    const bytes = Uint8Array.of(...before!, 0xff, ...new TextEncoder().encode(",2,5\n"), ...after!);
    await Deno.writeFile(`${dir}/tp1/dense.csv`, bytes);
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])]), ["dense tp1 2"]);
    assert.ok((await textOfFile(dir, "tp1/dense.csv")).includes(row("proj", 2)));
  }));

Deno.test("a duplicated row counts once and is written once", () =>
  withFolder(async (dir) => {
    await putFile(dir, "tp1/dense.csv", WHOLE + "proj,2,99\n");
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])]), []);
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
  }));

Deno.test("the journal wins over a table that was edited by hand, and a notice says so", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    await putFile(dir, "tp1/dense.csv", WHOLE.replace(row("proj", 2), "proj,2,99\n"));
    const events = await tinyRun(dir, [denseSweep([1, 2])]);
    assert.deepEqual(only(events, "notice"), [{
      type: "notice",
      message: `${dir}/tp1/dense.csv: 1 row differs from the journal, whose values are used`,
    }]);
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
  }));

Deno.test("a journal that is ahead of its tables, as after a kill, gives them back", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    await Deno.remove(`${dir}/tp1`, { recursive: true });
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])]), []);
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
  }));

Deno.test("a layer that is added to the architecture is measured, the others' rows are not touched", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    const architecture = tinyArchitecture({ proj: {}, norm: { stable: true }, act: {} });
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2])], { architecture }), [
      "dense tp1 1",
      "dense tp1 2",
    ]);
    assert.equal(
      await textOfFile(dir, "tp1/dense.csv"),
      WHOLE.replace("time_us\n", `time_us\n${row("act", 1)}${row("act", 2)}`),
    );
    const added = (await textOfFile(dir, "journal.jsonl")).trimEnd().split("\n").slice(-2);
    assert.deepEqual(added.map((line) => Object.keys(JSON.parse(line).samples)), [["act"], ["act"]]);
  }));

Deno.test("a layer that is removed from the architecture keeps its rows, and a notice says so", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    const architecture = tinyArchitecture({ proj: {} });
    const events = await tinyRun(dir, [denseSweep([1, 2, 3])], { architecture });
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      `${dir}/tp1/dense.csv: rows of layers that the architecture does not name are kept (norm)`,
    ]);
    assert.match(await textOfFile(dir, "tp1/dense.csv"), /^norm,2,/m);
  }));

Deno.test("stable layers are measured at tp 1 only and copied to the other degrees", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [
      denseSweep([1, 2]),
      perSequenceSweep([1]),
      denseSweep([2], 2),
      attentionSweep([1], 2),
    ]);
    assert.equal(
      await textOfFile(dir, "tp2/dense.csv"),
      "layer,tokens,time_us\n" + row("norm", 1) + row("norm", 2) + row("proj", 2, 2),
    );
    assert.match(await textOfFile(dir, "tp2/per_sequence.csv"), /^layer,sequences,time_us\nsampler,1,\S+\n$/);
    const lines = (await textOfFile(dir, "journal.jsonl")).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    const layers = lines.filter(({ type, tp }) => type === "shot" && tp === 2).map(({ samples }) =>
      Object.keys(samples)
    );
    assert.deepEqual(layers, [["proj"], ["attn"]]);
  }));

const ZEN3 = { name: "AMD EPYC", cores: 2, instruction_sets: ["avx2"] };
const SAPPHIRE_RAPIDS = { ...ZEN3, instruction_sets: ["avx2", "avx512_bf16", "amx_bf16"] };
const OTHERS: Record<string, { before?: FakeOptions["info"]; now: FakeOptions["info"]; difference: string }> =
  {
    device: { now: { device: "Slide rule" }, difference: "device Abacus there, Slide rule now" },
    driver: { now: { driver: "560" }, difference: "driver none there, 560 now" },
    engine: { now: { engine: "vllm" }, difference: "engine fake there, vllm now" },
    "engine version": { now: { engine_version: "2.0" }, difference: "engine_version 1.0 there, 2.0 now" },
    "instruction set": {
      before: { processor: ZEN3 },
      now: { processor: SAPPHIRE_RAPIDS },
      difference:
        "processor AMD EPYC (2 cores; avx2) there, AMD EPYC (2 cores; avx2 avx512_bf16 amx_bf16) now",
    },
    "number of cores": {
      before: { processor: ZEN3 },
      now: { processor: { ...ZEN3, cores: 1 } },
      difference: "processor AMD EPYC (2 cores; avx2) there, AMD EPYC (1 core; avx2) now",
    },
  };
for (const [name, { before, now, difference }] of Object.entries(OTHERS)) {
  const measuredBy = (info: FakeOptions["info"]): { source: LaneSource } => ({
    source: { harness: fakeHarness(info ? { info } : {}) },
  });
  Deno.test(`a bundle of another ${name} is refused, and extended when that is allowed`, () =>
    withFolder(async (dir) => {
      await tinyRun(dir, [denseSweep([1])], measuredBy(before));
      await assert.rejects(tinyRun(dir, [denseSweep([2])], measuredBy(now)), {
        name: "UsageError",
        message:
          `Cannot extend ${dir}: it was measured under other conditions (${difference}); choose another ` +
          "hardware or variant name, or pass allowMixed (--allow-mixed), which is recorded",
      });
      const events = await tinyRun(dir, [denseSweep([2])], { ...measuredBy(now), allowMixed: true });
      assert.deepEqual(only(events, "notice").map(({ message }) => message), [
        `The bundle is mixed from here on: ${difference}`,
      ]);
      assert.deepEqual(await firedBy(dir, [denseSweep([3])], measuredBy(now)), [], "both are known now");
    }));
}

Deno.test("a bundle whose journal names no processor is extended by one that does", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1])]);
    const source = { harness: fakeHarness({ info: { processor: ZEN3 } }) };
    assert.deepEqual(only(await tinyRun(dir, [denseSweep([1, 2])], { source }), "notice"), []);
    const other = { harness: fakeHarness({ info: { processor: SAPPHIRE_RAPIDS } }) };
    await assert.rejects(tinyRun(dir, [denseSweep([3])], { source: other }), {
      message:
        /\(processor AMD EPYC \(2 cores; avx2\) there, AMD EPYC \(2 cores; avx2 avx512_bf16 amx_bf16\) now\)/,
    });
  }));

Deno.test("a published bundle is bound to the device and version that its meta.yaml names", () =>
  withFolder(async (dir) => {
    await putFile(dir, "meta.yaml", "vllm_version: 0.19.0\ngpu: NVIDIA GeForce RTX 4090\n");
    const info = {
      engine: "vllm",
      engine_version: "0.32.0",
      device: "NVIDIA GeForce RTX 4090",
      driver: "570",
    };
    await assert.rejects(tinyRun(dir, [denseSweep([1])], { source: { harness: fakeHarness({ info }) } }), {
      message: /\(engine_version 0\.19\.0 there, 0\.32\.0 now\)/,
    });
    const same = { ...info, engine_version: "0.19.0" };
    assert.deepEqual(
      only(
        await tinyRun(dir, [denseSweep([1])], { source: { harness: fakeHarness({ info: same }) } }),
        "notice",
      ),
      [],
    );
  }));

Deno.test("force asks whoever may say no, then deletes the tables and the journal of this variant only", () =>
  withFolder(async (dir) => {
    const here = `${dir}/bf16`;
    await tinyRun(here, [denseSweep([1, 2]), attentionSweep([1])]);
    await putFile(dir, "fp8/tp1/dense.csv", WHOLE);
    await putFile(here, "notes.txt", "mine");
    const asked: string[] = [];
    const confirm = (question: string): boolean => asked.push(question) === 0;
    await assert.rejects(tinyRun(here, [denseSweep([2])], { force: true, confirm }), {
      name: "UsageError",
      message: `Cannot measure ${here} anew: nobody confirmed that its 3 files are deleted, and none was; ` +
        "leave force (--force) out to resume",
    });
    assert.deepEqual(asked, [`Delete the 3 files of measurements in ${here} and measure anew?`]);
    assert.equal(await textOfFile(here, "tp1/dense.csv"), WHOLE);
    assert.deepEqual(await firedBy(here, [denseSweep([2])], { force: true }), ["dense tp1 2"]);
    assert.deepEqual(
      [...Deno.readDirSync(`${here}/tp1`)].map(({ name }) => name),
      ["dense.csv"],
    );
    assert.equal(await textOfFile(here, "notes.txt"), "mine");
    assert.equal(await textOfFile(dir, "fp8/tp1/dense.csv"), WHOLE);
  }));

Deno.test("force asks nobody where nothing is", () =>
  withFolder(async (dir) => {
    assert.deepEqual(await firedBy(dir, [denseSweep([1])], { force: true }), ["dense tp1 1"]);
  }));

Deno.test("kernels of several kinds of attention have rows of their own, which a run goes on from", () =>
  withFolder(async (dir) => {
    const architecture = tinyArchitecture();
    const entry = { vllm: ["Attention"] };
    const several = {
      ...architecture,
      catalog: { ...architecture.catalog, attention: { sliding_attention: entry, attention: entry } },
    };
    const run = { architecture: several };
    assert.deepEqual(await firedBy(dir, [attentionSweep([1, 2])], run), [
      "attention tp1 0,0,1,16",
      "attention tp1 0,0,2,16",
    ]);
    const table = await textOfFile(dir, "tp1/attention.csv");
    const times = (layer: string, decodes: number): string => {
      const [shot] = attentionSweep([decodes]).shots;
      return `${layer},0,0,0.0,${decodes},16,1,${formatTimeUs(fakeTimeUs(shot!, layer))}\n`;
    };
    assert.equal(
      table,
      "layer,prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
        times("attention", 1) + times("attention", 2) + times("sliding_attention", 1) +
        times("sliding_attention", 2),
    );
    assert.deepEqual(await firedBy(dir, [attentionSweep([1, 2])], run), []);
    await Deno.remove(`${dir}/journal.jsonl`);
    await putFile(dir, "tp1/attention.csv", table.replace(times("sliding_attention", 2), ""));
    assert.deepEqual(await firedBy(dir, [attentionSweep([1, 2])], run), ["attention tp1 0,0,2,16"]);
    assert.equal(await textOfFile(dir, "tp1/attention.csv"), table);
    await putFile(dir, "meta.yaml", "hardware: BOX\nmodel: org/tiny\n");
    const bundle = await openBundle(dir);
    assert.equal(bundle.table(1, "attention").length, 2);
  }));
