/** What a bundle that is opened says of rows that are not valid, by file. */
import assert from "node:assert/strict";
import { openSession } from "../../src/store/session.ts";
import { tinyArchitecture } from "../run/fakes.ts";
import { putFile, withFolder } from "../run/tiny_run.ts";

const SKEW = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n";
const ATTENTION = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,5\n";
const files: [path: string, text: string, told: RegExp | null][] = [
  ["dense", "layer,tokens,time_us\nproj,1,5\n", null],
  ["dense", "layer,tokens,time_us\nproj,1,-5\n", /row 2, column time_us/],
  ["per_sequence", "layer,sequences,time_us\nhead,1,x\n", /row 2, column time_us/],
  ["attention", ATTENTION, null],
  ["attention", `${ATTENTION}0,0,2,16,0\n`, /row 3, column time_us/],
  ["moe", "tokens,activated_experts,time_us\n4,8,nan\n", /row 2, column time_us/],
  ["skew", `${SKEW}pure,4,1,0.25,4.0,0,0,128,512,224,10.5,20.5,-1,0.2\n`, /row 2, column t_skew_us/],
  [
    "estimated",
    "prefill_chunk,kv_prefill,n_decode,kv_decode,expected_error\n0,0,1,16,much\n",
    /row 2, column expected_error/,
  ],
];
for (const [table, text, told] of files) {
  Deno.test(`${table}.csv of ${JSON.stringify(text.trimEnd().split("\n").at(-1))}: ${told === null ? "nothing is told" : "its fault is told"}`, () =>
    withFolder(async (dir) => {
      await putFile(dir, `tp1/${table}.csv`, text);
      await using session = await openSession(dir, { architecture: tinyArchitecture() });
      if (told === null) return assert.deepEqual(session.notices, []);
      const [notice, ...others] = session.notices.filter((said) => said.includes("not valid"));
      assert.deepEqual(others, []);
      const start = `${dir}/tp1/${table}.csv: what is not valid counts as not measured (1 found, the first: `;
      assert.ok(notice?.startsWith(start), notice ?? session.notices.join("\n"));
      assert.match(notice ?? "", told);
    }));
}
