import assert from "node:assert/strict";
import type { Issue } from "../../src/bundle/issue.ts";
import { formatSkew, readSkew, SKEW_COLUMNS } from "../../src/bundle/skew.ts";
import { formatSkewFit, readSkewFit } from "../../src/bundle/skew_fit.ts";
import { formatTable, readTable } from "../../src/bundle/tables.ts";
import { CATEGORY_ORDER } from "../../src/shots/shot.ts";
import { fuzz, mutated } from "./mutate.ts";

const TABLES = {
  dense: "layer,tokens,time_us\nlayernorm,16,1.5\nlayernorm,32,2.25\no_proj,16,123456\n",
  per_sequence: "layer,sequences,time_us\r\nlm_head,1,900.5\r\nsampler,1,2.5\r\n",
  attention: "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,2.5\n16,32,2,64,10\n",
  linear_attention: "layer,prefill_tokens,n_decode,time_us\nssm,0,1,2.5\nssm,16,2,10\n",
  moe: "tokens,activated_experts,time_us\n1,8,50.2\n2,8,51\n",
};
const SKEW = `${SKEW_COLUMNS.join(",")}\npure,32,1,0.0312,4.0,0,0,128,512,140,10.0,20.0,15.0,0.5\n` +
  "mixed,2,1,0.5,4.0,16,512,128,512,320,10.0,9.0,9.5,\n";
const FIT = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n" +
  "0,n<=2,sr<=5%,kvB<=1k,kp=0,0.5,12\n16,n>2,sr>70%,kvB>1k,kp<=512,-0.25,3\n";
const QUOTED = 'layer,tokens,time_us\n"a",16,1.5\n"b,c",32,2.25\n"d ""e""",16,1\n';
const CORPUS = [...Object.values(TABLES), SKEW, FIT, QUOTED];

/** What is read is written so that it is read again, whole and without a fault. */
function roundTrip<T>(
  text: string,
  read: (text: string) => { rows: T[]; issues: Issue[] },
  format: (rows: readonly T[]) => string,
): string {
  const { rows, issues } = read(text);
  for (const { code, message, path } of issues) assert.ok(code !== "" && message !== "" && path === "x.csv");
  const written = format(rows);
  const again = read(written);
  assert.deepEqual(again.issues.filter(({ severity }) => severity === "error"), []);
  assert.equal(again.rows.length, rows.length);
  assert.equal(format(again.rows), written);
  return issues.length > 0 ? "with issues" : "clean";
}

for (const category of CATEGORY_ORDER) {
  Deno.test(`any ${category}.csv gives rows that can be written, and issues`, async () => {
    const counts = await fuzz(`${category}.csv`, 5000, (draw) => {
      return mutated(draw, draw(4) === 0 ? CORPUS : [TABLES[category]]);
    }, (text) => {
      for (const { layer, key, timeUs } of readTable(category, text, "x.csv").rows) {
        assert.ok(layer === null || layer.trim() !== "");
        assert.ok(key.every((value) => Number.isSafeInteger(value) && value >= 0));
        assert.ok(timeUs > 0 && timeUs < Infinity);
      }
      return roundTrip(
        text,
        (from) => readTable(category, from, "x.csv"),
        (rows) => formatTable(category, rows),
      );
    });
    assert.ok(counts["with issues"]! > 500 && counts.clean! > 50);
  });
}

Deno.test("any skew.csv and skew_fit.csv give rows that can be written, and issues", async () => {
  await fuzz(
    "skew.csv",
    2000,
    (draw) => mutated(draw, draw(4) === 0 ? CORPUS : [SKEW]),
    (text) => roundTrip(text, (from) => readSkew(from, "x.csv"), formatSkew),
  );
  await fuzz(
    "skew_fit.csv",
    2000,
    (draw) => mutated(draw, draw(4) === 0 ? CORPUS : [FIT]),
    (text) => roundTrip(text, (from) => readSkewFit(from, "x.csv"), formatSkewFit),
  );
});
