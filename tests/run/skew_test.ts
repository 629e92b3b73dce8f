import assert from "node:assert/strict";
import { readSkew, SKEW_COLUMNS, type SkewRow } from "../../src/bundle/skew.ts";
import type { RunEvent } from "../../src/events.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import type { SkewShot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import { fakeHarness, type FakeOptions, fakeTimeUs, type Mishap } from "./fakes.ts";
import { only, putFile, textOfFile, type TinyRun, tinyRun, withFolder } from "./tiny_run.ts";

/** Cases of four decodes: one and two long ones of 512 tokens among ones of 128. */
const ONE = [4, 1, 0, 0, 128, 512];
const TWO = [4, 2, 0, 0, 128, 512];

function skewShot(key: readonly number[]): SkewShot {
  return { category: "skew", tp: 1, ...skewCaseOf(key), tier: 1, parts: ["t_mean", "t_max", "t_skew"] };
}

function skewSweep(...keys: (readonly number[])[]): Sweep {
  return { category: "skew", tp: 1, shots: keys.map(skewShot) };
}

/** Four decodes of so many tokens. */
function attentionSweep(...kvs: number[]): Sweep {
  const shots = kvs.map((kv_decode) =>
    ({ category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 4, kv_decode }) as const
  );
  return { category: "attention", tp: 1, shots };
}

/** Runs sweeps, attention at a microsecond per token of a decode; gives the batches of cases that were fired, and what was told. */
async function run(
  dir: string,
  sweeps: readonly Sweep[],
  options: TinyRun = {},
  fake: FakeOptions = {},
): Promise<{ fired: string[]; events: RunEvent[] }> {
  const fired: string[] = [];
  const harness = fakeHarness({
    ...fake,
    mishap(shot): Mishap | undefined {
      if (shot.category === "skew") fired.push(`${shot.n},${shot.nb}: ${shot.parts.join(" ")}`);
      const mishap = fake.mishap?.(shot);
      if (mishap !== undefined) return mishap;
      if (shot.category === "attention") return { samples: [shot.kv_decode] };
      return undefined;
    },
  });
  const events = await tinyRun(dir, sweeps, { source: { harness }, ...options });
  return { fired, events };
}

async function cases(dir: string): Promise<SkewRow[]> {
  const { rows, issues } = readSkew(await textOfFile(dir, "tp1/skew.csv"), "skew.csv");
  assert.deepEqual(issues, []);
  return rows;
}

const times = ({ t_mean_us, t_max_us, t_skew_us }: SkewRow): number[] => [t_mean_us, t_max_us, t_skew_us];
const skewedUs = (key: readonly number[]): number => round(fakeTimeUs(skewShot(key), "t_skew"));
const uniformUs = (key: readonly number[], part: string): number => round(fakeTimeUs(skewShot(key), part));

function round(us: number): number {
  return Math.round(us * 1000) / 1000;
}

Deno.test("interpolated: only skewed batches are fired, and attention.csv gives the ends of each row", () =>
  withFolder(async (dir) => {
    const { fired, events } = await run(dir, [attentionSweep(16, 1016), skewSweep(ONE, TWO)]);
    assert.deepEqual(fired, ["4,1: t_skew", "4,2: t_skew"]);
    const rows = await cases(dir);
    assert.deepEqual(rows.map(times), [[224, 512, skewedUs(ONE)], [320, 512, skewedUs(TWO)]]);
    const [row] = rows;
    assert.equal(row!.alpha, Math.round((skewedUs(ONE) - 224) / (512 - 224) * 1e4) / 1e4);
    assert.deepEqual(only(events, "shot").at(-1)!.key, TWO);
  }));

Deno.test("exact: a batch that attention.csv or an earlier case has is not fired", () =>
  withFolder(async (dir) => {
    const { fired } = await run(dir, [attentionSweep(224), skewSweep(ONE, TWO)], { skewMode: "exact" });
    assert.deepEqual(fired, ["4,1: t_max t_skew", "4,2: t_mean t_skew"]);
    assert.deepEqual((await cases(dir)).map(times), [
      [224, uniformUs(ONE, "t_max"), skewedUs(ONE)],
      [uniformUs(TWO, "t_mean"), uniformUs(ONE, "t_max"), skewedUs(TWO)],
    ]);
    assert.deepEqual(
      (await run(dir, [attentionSweep(224), skewSweep(ONE, TWO)], { skewMode: "exact" })).fired,
      [],
    );
  }));

Deno.test("exact: a batch that attention.csv was to have and has not is fired after all", () =>
  withFolder(async (dir) => {
    const { fired, events } = await run(
      dir,
      [attentionSweep(16, 224, 512), skewSweep(ONE)],
      { skewMode: "exact" },
      {
        mishap: (shot) =>
          shot.category === "attention" && shot.kv_decode === 512 ? { failed: "out_of_memory" } : undefined,
      },
    );
    assert.deepEqual(fired, ["4,1: t_max t_skew"]);
    assert.deepEqual(only(events, "planned")[0]!.sweeps[1], { category: "skew", planned: 1, done: 0 });
  }));

Deno.test("what the journal has is not fired again, whatever happened to skew.csv", () =>
  withFolder(async (dir) => {
    const sweeps = [attentionSweep(16, 1016), skewSweep(ONE, TWO)];
    await run(dir, sweeps);
    const text = await textOfFile(dir, "tp1/skew.csv");
    const broken = text.replace(/[\d.]+,[\d.-]+\n/, "nan,\n");
    assert.notEqual(broken, text);
    await putFile(dir, "tp1/skew.csv", broken);
    const { fired, events } = await run(dir, sweeps);
    assert.deepEqual(fired, []);
    assert.equal(await textOfFile(dir, "tp1/skew.csv"), text);
    assert.match(only(events, "notice")[0]!.message, /skew\.csv: what is not valid counts as not measured/);
  }));

Deno.test("without a journal, a row of skew.csv stands as a whole and a broken one is fired for what is missing", () =>
  withFolder(async (dir) => {
    const sweeps = [attentionSweep(16, 512), skewSweep(ONE, TWO)];
    await run(dir, sweeps, { skewMode: "exact" });
    await Deno.remove(`${dir}/journal.jsonl`);
    const lines = (await textOfFile(dir, "tp1/skew.csv")).split("\n");
    lines[2] = lines[2]!.replace(/[\d.]+,[\d.-]*$/, "nan,");
    await putFile(dir, "tp1/skew.csv", lines.join("\n"));
    const { fired } = await run(dir, sweeps, { skewMode: "exact" });
    assert.deepEqual(fired, ["4,2: t_mean t_skew"]);
    assert.equal((await textOfFile(dir, "tp1/skew.csv")).split("\n")[1], lines[1]);
  }));

Deno.test("another mode fires the ends alone; a row stands until it has them", () =>
  withFolder(async (dir) => {
    const sweeps = [attentionSweep(16, 1016), skewSweep(ONE, TWO)];
    await run(dir, sweeps);
    const before = await cases(dir);
    let fires = 0;
    await assert.rejects(
      run(dir, sweeps, { skewMode: "exact" }, {
        mishap(shot): undefined {
          if (shot.category === "skew" && ++fires === 2) throw new Error("power cut");
          return undefined;
        },
      }),
      /power cut/,
    );
    const between = await cases(dir);
    assert.deepEqual(times(between[0]!), [
      uniformUs(ONE, "t_mean"),
      uniformUs(ONE, "t_max"),
      skewedUs(ONE),
    ]);
    assert.deepEqual(between[1], before[1]);
    const { fired } = await run(dir, sweeps, { skewMode: "exact" });
    assert.deepEqual(fired, ["4,2: t_mean"]);
    assert.deepEqual((await run(dir, sweeps)).fired, []);
    assert.deepEqual(await cases(dir), before);
  }));

Deno.test("the ends of the rows follow attention.csv when it is measured again", () =>
  withFolder(async (dir) => {
    await run(dir, [attentionSweep(16, 1016), skewSweep(ONE)]);
    await run(dir, [attentionSweep(16, 1016)], { again: true }, {
      mishap: (shot) => shot.category === "attention" ? { samples: [2 * shot.kv_decode] } : undefined,
    });
    assert.deepEqual((await cases(dir)).map(times), [[448, 1024, skewedUs(ONE)]]);
  }));

Deno.test("cases fired again keep what attention.csv gives, and their rows until then", () =>
  withFolder(async (dir) => {
    await run(dir, [attentionSweep(512), skewSweep(ONE)], { skewMode: "exact" });
    const mishap: FakeOptions["mishap"] = (shot) => shot.category === "skew" ? { samples: [77] } : undefined;
    const { fired } = await run(dir, [skewSweep(ONE)], { skewMode: "exact", again: true }, { mishap });
    assert.deepEqual(fired, ["4,1: t_mean t_skew"]);
    assert.deepEqual((await cases(dir)).map(times), [[77, 512, 77]]);
  }));

Deno.test("a case that failed is fired again on request alone, and its shared batch by another case meanwhile", () =>
  withFolder(async (dir) => {
    const sweeps = [attentionSweep(16), skewSweep(ONE, TWO)];
    const fails: FakeOptions = {
      mishap: (shot) => shot.category === "skew" && shot.nb === 1 ? { failed: "out_of_memory" } : undefined,
    };
    const first = await run(dir, sweeps, { skewMode: "exact" }, fails);
    assert.deepEqual(first.fired, ["4,1: t_mean t_max t_skew", "4,2: t_mean t_skew"]);
    assert.deepEqual(only(first.events, "failed-shot").map(({ category, key }) => [category, key]), [
      ["skew", ONE],
    ]);
    assert.deepEqual((await run(dir, sweeps, { skewMode: "exact" })).fired, ["4,2: t_max"]);
    const retried = await run(dir, sweeps, { skewMode: "exact", retryFailed: true });
    assert.deepEqual(retried.fired, ["4,1: t_mean t_skew"]);
    assert.equal((await cases(dir)).length, 2);
  }));

Deno.test("without attention rows the sweep is left out, and it is said", () =>
  withFolder(async (dir) => {
    const { fired, events } = await run(dir, [skewSweep(ONE)]);
    assert.deepEqual(fired, []);
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "The skew sweep at tp 1 is left out: attention.csv has no rows for its alphas to lie between",
    ]);
  }));

Deno.test("a skew.csv that was changed by hand gives way to the journal, and it is said", () =>
  withFolder(async (dir) => {
    const sweeps = [attentionSweep(16, 1016), skewSweep(ONE, TWO)];
    await run(dir, sweeps);
    const text = await textOfFile(dir, "tp1/skew.csv");
    await putFile(dir, "tp1/skew.csv", text.replace(`,${skewedUs(ONE)},`, ",1.5,"));
    const { events } = await run(dir, sweeps);
    assert.match(only(events, "notice")[0]!.message, /skew\.csv: 1 row differs from the journal/);
    assert.equal(await textOfFile(dir, "tp1/skew.csv"), text);
  }));

Deno.test("cases are not added to those of sums, which the reference profiler writes, but measured all again", () =>
  withFolder(async (dir) => {
    await run(dir, [attentionSweep(16, 1016)]);
    const row = "pure,4,2,0.5,4.0,0,0,128,512,320,960.0,1536.0,1100.0,0.2431\n";
    await putFile(dir, "tp1/skew.csv", `${SKEW_COLUMNS.join()}\n${row}`);
    const first = await run(dir, [skewSweep(ONE, TWO)]);
    assert.deepEqual(first.fired, []);
    assert.deepEqual(only(first.events, "notice").map(({ message }) => message), [
      "The skew sweep at tp 1 is left out: the times of skew.csv are 3 times those of attention.csv, as sums of " +
      "samples are, and new ones would not be; refresh with category skew measures all of them again",
    ]);
    await run(dir, [skewSweep(ONE, TWO)], { again: true });
    assert.deepEqual((await cases(dir)).map(times), [[224, 512, skewedUs(ONE)], [320, 512, skewedUs(TWO)]]);
  }));

Deno.test("a skew.csv that lists requests stays as it is, and no case is added to it", () =>
  withFolder(async (dir) => {
    const text = 'requests_json,t_skew_us\n"[[1, 64], [1, 128]]",12.5\n';
    await putFile(dir, "tp1/skew.csv", text);
    for (const again of [false, true]) {
      const { fired, events } = await run(dir, [attentionSweep(16, 1016), skewSweep(ONE)], { again });
      assert.ok(fired.every((shot) => !shot.includes(": t_")));
      assert.deepEqual(only(events, "notice").map(({ message }) => message), [
        "The skew sweep at tp 1 is left out: skew.csv lists the requests of its cases, as v1.2 writes it, and stays " +
        "as it is",
      ]);
      assert.equal(await textOfFile(dir, "tp1/skew.csv"), text);
    }
  }));

Deno.test("rows that only v1.2 reads are kept when attention is measured, and so are its other tables", () =>
  withFolder(async (dir) => {
    const header = "layer,prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n";
    const others = ["attention,16,0,8.0,4,64,4,9\n", "indexer,16,0,8.0,4,64,1,2\n"];
    await putFile(
      dir,
      "tp1/attention.csv",
      `${header}attention,64,-23,9.142857142857142,0,0,1,7\n${others.join("")}`,
    );
    await putFile(dir, "tp1/mtp.csv", "layer,sequences,time_us\nmtp_fc,1,5\n");
    await run(dir, [attentionSweep(16, 1016)]);
    const text = await textOfFile(dir, "tp1/attention.csv");
    for (const row of ["attention,64,-23,9.142857142857142,0,0,1,7\n", ...others]) {
      assert.ok(text.includes(row), row);
    }
    assert.ok(text.split("\n").length > 5);
    assert.equal(await textOfFile(dir, "tp1/mtp.csv"), "layer,sequences,time_us\nmtp_fc,1,5\n");
  }));
