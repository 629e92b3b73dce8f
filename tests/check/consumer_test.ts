/** What August makes of tables that v1.2 writes. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { LazyTables } from "../../src/bundle/lazy_tables.ts";
import { checkForAugust } from "../../src/check/checks/consumer.ts";

type Other = { readonly layer: string; readonly split: number };
function found(attention: readonly Other[], moe: readonly Other[], header?: string): string[] {
  const tables = {
    table: (_: number, table: string) => ({ rows: [], others: table === "moe" ? moe : attention }),
    header: () => header,
  } as unknown as LazyTables;
  return checkForAugust({ dir: "/b", tps: [2] } as unknown as BundleFiles, tables)
    .map((issue) => renderIssue(issue).replace("/b/", ""));
}

const mixed: [what: string, Other[], Other[], string[]][] = [
  ["none", [], [], []],
  ["decodes of four tokens", [{ layer: "attention", split: 4 }, { layer: "attention", split: 2 }], [], [
    "error: tp2/attention.csv, key decode_q_len: August has no such column and takes 2 rows for others of the same " +
    "key; expected 1, found 4",
  ]],
  ["another kernel", [{ layer: "mla", split: 1 }], [], [
    "error: tp2/attention.csv, key layer: August has no such column and takes 1 row for others of the same key; " +
    "expected attention, found mla",
  ]],
  ["experts on two devices", [], [{ layer: "moe", split: 2 }], [
    "error: tp2/moe.csv, key ep: August has no such column and takes 1 row for others of the same key; expected 1, " +
    "found 2",
  ]],
];
for (const [what, attention, moe, expected] of mixed) {
  Deno.test(`rows that August takes for others: ${what}`, () => {
    assert.deepEqual(found(attention, moe).map((text) => text.replace(/, column/, ", key")), expected);
  });
}

const headers: [header: string | undefined, told: boolean][] = [
  [undefined, false],
  ["prefill_chunk,kv_prefill,n_decode,kv_decode,time_us", false],
  ["layer,prefill_chunk,prefill_key,n_decode,kv_decode,time_us\r", true],
  ["layer,prefill_chunk,prefill_key,kv_prefill,n_decode,kv_decode,time_us", false],
];
for (const [header, told] of headers) {
  Deno.test(`August ${told ? "fails on" : "reads"} an attention table of the columns ${header?.trim() ?? "none"}`, () => {
    const issues = found([], [], header);
    assert.deepEqual(issues.length, told ? 1 : 0);
    if (told) {
      assert.equal(
        issues[0],
        "error: tp2/attention.csv, row 1, column kv_prefill: August places prefills by it and fails without; expected " +
          'floor(prefill_key - prefill_chunk / 2), found "layer,prefill_chunk,prefill_key,n_decode,kv_decode,time_us"',
      );
    }
  });
}
