import assert from "node:assert/strict";
import { formatEstimated, readEstimated } from "../../src/bundle/estimated.ts";

const HEADER = "prefill_chunk,kv_prefill,n_decode,kv_decode,expected_error\n";

Deno.test("estimated.csv: rows sorted by key, and read back", () => {
  const rows = [
    { key: [16, 0, 2, 128], expectedError: 0.5 },
    { key: [0, 0, 2, 128], expectedError: 0.01239 },
  ];
  const text = formatEstimated(rows);
  assert.equal(text, `${HEADER}0,0,2,128,0.0124\n16,0,2,128,0.5\n`);
  assert.deepEqual(readEstimated(text, "estimated.csv").rows, [
    { key: [0, 0, 2, 128], expectedError: 0.0124 },
    { key: [16, 0, 2, 128], expectedError: 0.5 },
  ]);
});

Deno.test("estimated.csv: no rows are a header", () => {
  assert.equal(formatEstimated([]), HEADER);
  assert.deepEqual(readEstimated(HEADER, "estimated.csv"), { rows: [], issues: [] });
});

Deno.test("estimated.csv: faults are left out and reported", () => {
  const { rows, issues } = readEstimated(
    `${HEADER}0,0,1,16,0.1\n0,0,1,16,0.2\n0,0,x,16,0.1\n0,0,2,16,\n`,
    "estimated.csv",
  );
  assert.deepEqual(rows, [{ key: [0, 0, 1, 16], expectedError: 0.1 }]);
  assert.deepEqual(issues.map(({ code, row }) => [code, row]).sort(), [
    ["key-duplicate", 3],
    ["key-invalid", 4],
    ["number-invalid", 5],
  ]);
});
