/** What a seed asks for and predicts: a version that chooses or learns otherwise shows here. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { adaptAttention } from "../../src/adaptive/attention.ts";
import type { TableErrors } from "../../src/adaptive/held_out.ts";
import { adaptSkew } from "../../src/adaptive/skew.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { shotKey } from "../../src/shots/shot.ts";
import { makeTables } from "../fit/made_up_kernel.ts";
import { makeUpTable } from "./made_up_table.ts";

/** The first texts of a list, and a hash of all. */
function brief(texts: readonly string[]): string[] {
  const hash = createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 12);
  return [...texts.slice(0, 2), `${texts.length}: ${hash}`];
}

function figures({ p50, p90, p99, shots }: TableErrors): string {
  const all = [p50, p90, p99].flatMap(({ estimate, upper }) => [estimate, upper]);
  return [...all.map((value) => value.toPrecision(4)), shots].join(" ");
}

/** Attention with a seed: shots in the order in which they are asked for, times to six digits, errors. */
async function attention(seed: number, withPrior: boolean): Promise<Record<string, unknown>> {
  const { shots: grid, kernel, timeUs } = await makeUpTable("H100");
  const shots = grid.filter((_, index) => index % 6 === 0);
  const asked: string[] = [];
  const told = grid.map((shot) => ({ layer: null, key: shotKey(shot), timeUs: 3 * timeUs(shot) ** 0.9 }));
  const { rows, estimated, errors } = await adaptAttention(shots, kernel, (next) => {
    asked.push(...next.map((shot) => shotKey(shot).join()));
    return Promise.resolve(next.map(timeUs));
  }, { shots: 0.45, seed, ...withPrior && { prior: [{ rows: told, kernel }] } });
  return {
    asked: brief(asked),
    rows: brief(rows.map(({ key, timeUs }) => `${key.join()} ${timeUs.toPrecision(6)}`)),
    expected: brief(
      estimated.map(({ key, expectedError }) => `${key.join()} ${expectedError.toPrecision(4)}`),
    ),
    errors: figures(errors),
  };
}

/** Skew cases with a seed: what is predicted for those of the sweep, and for those between. */
async function skew(seed: number): Promise<Record<string, unknown>> {
  const tables = makeTables({ maxNumBatchedTokens: 128, maxNumSeqs: 16, attentionMaxKv: 1024 });
  const kernel = { heads: 32, kvHeads: 8, multiprocessors: 128 };
  const asked: string[] = [];
  const textOf = ({ n, nb, pc, kp, kvs, kv_big, t_skew_us }: SkewRow): string =>
    `${[n, nb, pc, kp, kvs, kv_big].join()} ${t_skew_us.toPrecision(6)}`;
  const { predicted, imagined, errors } = await adaptSkew(tables.skew, tables.attention, kernel, (next) => {
    asked.push(...next.map(textOf));
    return Promise.resolve(next.map(({ t_skew_us }) => t_skew_us));
  }, { shots: 0.6, seed });
  return {
    asked: brief(asked),
    predicted: brief(predicted.map(textOf)),
    imagined: brief(imagined.map(textOf)),
    errors: figures(errors),
  };
}

const PINNED: [string, () => Promise<Record<string, unknown>>, Record<string, unknown>][] = [
  ["attention", () => attention(1, false), {
    asked: ["128,0,16,1024", "0,0,2,256", "169: adddd839e68e"],
    rows: ["0,0,1,16 8.87826", "0,0,1,1024 17.2566", "376: aa574fd1299a"],
    expected: ["0,0,1,1024 0.2227", "0,0,8,1024 0.2082", "207: 72adeb65935a"],
    errors: "0.006220 0.01257 0.08189 0.1059 0.1954 Infinity 110",
  }],
  ["attention beside a prior", () => attention(1, true), {
    asked: ["128,0,16,1024", "0,0,2,256", "169: d9b2c84b4965"],
    rows: ["0,0,1,16 8.87826", "0,0,1,1024 10.2108", "376: ca41732d0dfb"],
    expected: ["0,0,1,1024 0.001717", "0,0,8,16 0.001238", "207: 25844c8d98f9"],
    errors: "0.00001331 0.00002543 0.0002514 0.0003583 0.0008616 Infinity 110",
  }],
  ["skew cases", () => skew(1), {
    asked: ["8,4,0,0,256,1024 18.8000", "2,1,0,0,256,1024 14.9000", "122: 002ce18c17bb"],
    predicted: ["2,1,16,0,128,512 11.3082", "2,1,16,512,128,512 11.7527", "82: 93928f84c980"],
    imagined: ["8,5,0,0,128,512 13.9146", "8,5,0,0,256,1024 19.1007", "133: 1705d3fba4a0"],
    errors: "0.000 0.000 0.003505 0.005457 0.01989 Infinity 87",
  }],
];
for (const [what, run, expected] of PINNED) {
  Deno.test(`a seed asks for the same shots and predicts the same times: ${what}`, async () => {
    assert.deepEqual(await run(), expected);
  });
}
