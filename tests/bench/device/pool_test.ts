import assert from "node:assert/strict";
import { fire, planLines } from "../../run/results_files.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { attentionRate, paceOf } from "./pool.ts";

Deno.test("paceOf counts the shots between the first and the last reading for all", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const input = { skipSkew: true, tpDegrees: [1] };
    await fire(await planLines(input), path, {}, input);
    const lines = (await Deno.readTextFile(path)).split("\n").filter((line) =>
      !line.startsWith('{"type":"state"')
    );
    const results = lines.flatMap((line, at) => line.startsWith('{"type":"shot"') ? [at] : []);
    const state = (atS: number): string =>
      JSON.stringify({
        type: "state",
        at_s: atS,
        sm_clock_mhz: null,
        memory_clock_mhz: null,
        temperature_c: null,
        power_w: null,
        throttle: [],
      });
    // Ten shots before the first reading and four seconds for the next twenty.
    const all = [
      ...lines.slice(0, results[10]),
      state(100),
      ...lines.slice(results[10], results[30]),
      state(104),
      ...lines.slice(results[30]),
    ].join("\n");
    const { shots, seconds } = paceOf(all, path);
    assert.equal(shots, results.length);
    assert.equal(seconds, 4 * shots / 20);
    const half = paceOf(all, path, 30);
    assert.deepEqual([half.shots, half.seconds], [30, 6]);
    assert.equal(attentionRate(all, path), null);
    const attention = results.filter((at) => lines[at]!.includes('"category":"attention"'));
    const rated = attention.toReversed().reduce(
      (text, at, index) => text.toSpliced(at + 1, 0, state(200 - index / 4)),
      lines,
    ).join("\n");
    assert.deepEqual(attentionRate(rated, path), { shots: attention.length - 1, perS: 4 });
    assert.throws(() => paceOf(lines.join("\n"), path), /must have two readings/);
  }));
