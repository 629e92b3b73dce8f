import assert from "node:assert/strict";
import { renderIssue } from "../../src/bundle/issue.ts";
import { formatSkewFit, readSkewFit } from "../../src/bundle/skew_fit.ts";

const HEADER = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n";

const SORTED = HEADER +
  "2,n<=128,sr<=5%,kvB<=1k,kp=0,-0.0,4\n" +
  "2,n<=16,sr<=5%,kvB<=1k,kp=0,0.25,4\n" +
  "2,n>256,sr>70%,kvB>16k,kp<=512,-735.25,1\n" +
  "16,n<=2,sr<=5%,kvB<=1k,kp=0,1.0,9\n";

Deno.test("formatSkewFit sorts by pc as a number, then by the labels as texts", () => {
  const { rows, issues } = readSkewFit(SORTED, "skew_fit.csv");
  assert.deepEqual(issues, []);
  assert.equal(formatSkewFit(rows.toReversed()), SORTED);
});

Deno.test("formatSkewFit rounds alpha to 4 decimals", () => {
  const [row] = readSkewFit(SORTED, "skew_fit.csv").rows;
  assert.ok(row);
  assert.match(formatSkewFit([{ ...row, alpha: 1 / 3 }]), /,0\.3333,4\n$/);
});

Deno.test("readSkewFit does without n_samples, as a simulator does", () => {
  const text = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha\n16,n<=2,sr<=5%,kvB<=1k,kp=0,1.0\n";
  const { rows, issues } = readSkewFit(text, "skew_fit.csv");
  assert.deepEqual(rows.map(({ alpha, n_samples }) => [alpha, n_samples]), [[1, null]]);
  assert.deepEqual(issues, []);
});

Deno.test("readSkewFit leaves out rows with a fault and later duplicates", () => {
  const bucket = "n<=2,sr<=5%,kvB<=1k,kp=0";
  const cases: [string, string][] = [
    [`16,${bucket},,9\n`, 'column alpha: The value is no finite number; expected a number, found ""'],
    [`,${bucket},0.5,9\n`, 'column pc: The value is no count; expected a whole number from 0, found ""'],
    [
      `16,,sr<=5%,kvB<=1k,kp=0,0.5,9\n`,
      'column n_label: The name is blank or has blanks around it; expected a name, found ""',
    ],
  ];
  for (const [line, message] of cases) {
    const { rows, issues } = readSkewFit(HEADER + line, "skew_fit.csv");
    assert.deepEqual(rows, []);
    assert.deepEqual(issues.map(renderIssue), [`error: skew_fit.csv, row 2, ${message}`]);
  }
  const { rows, issues } = readSkewFit(`${HEADER}16,${bucket},0.5,9\n16,${bucket},0.6,9\n`, "skew_fit.csv");
  assert.deepEqual(rows.map(({ alpha }) => alpha), [0.5]);
  assert.deepEqual(issues.map(({ code, row }) => [code, row]), [["key-duplicate", 3]]);
});

Deno.test("readSkewFit: a raw_key names the bucket, whatever the other columns say; one that names none is a fault", () => {
  const header = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples,raw_key\n";
  const { rows, issues } = readSkewFit(
    `${header}0,n<=2,sr<=70%,kvB<=1k,kp<=2k,0.5,20,pc=16|n<=8|sr<=70%|kvB<=4k|kp<=2k\n` +
      "0,n<=2,sr<=70%,kvB<=1k,kp<=2k,0.25,20,\n0,n<=4,sr<=70%,kvB<=1k,kp<=2k,0.25,20,bucket\n",
    "skew_fit.csv",
  );
  assert.deepEqual(rows.map(({ pc, n_label, kv_big_label, alpha }) => [pc, n_label, kv_big_label, alpha]), [
    [0, "n<=2", "kvB<=1k", 0.25],
    [16, "n<=8", "kvB<=4k", 0.5],
  ]);
  assert.deepEqual(issues.map(({ code, row, found }) => [code, row, found]), [["bucket-key", 4, "bucket"]]);
});
