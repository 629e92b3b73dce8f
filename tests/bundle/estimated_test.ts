import assert from "node:assert/strict";
import { formatEstimated, readEstimated } from "../../src/bundle/estimated.ts";

const HEADER = "prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,expected_error\n";
const OLDER = "prefill_chunk,kv_prefill,n_decode,kv_decode,expected_error\n";

Deno.test("estimated.csv: rows sorted by key, and read back", () => {
  const rows = [
    { key: [16, 0, 2, 128], expectedError: 0.5 },
    { key: [0, 0, 2, 128], expectedError: 0.01239 },
  ];
  const text = formatEstimated(rows);
  assert.equal(text, `${HEADER}0,0,0.0,2,128,1,0.0124\n16,0,8.0,2,128,1,0.5\n`);
  const read = [{ key: [0, 0, 2, 128], expectedError: 0.0124 }, {
    key: [16, 0, 2, 128],
    expectedError: 0.5,
  }];
  assert.deepEqual(readEstimated(text, "estimated.csv").rows, read);
  const older = `${OLDER}0,0,2,128,0.0124\n16,0,2,128,0.5\n`;
  assert.deepEqual(readEstimated(older, "estimated.csv"), { rows: read, issues: [] });
});

Deno.test("estimated.csv: places between histories and decodes of several tokens are named as attention.csv does", () => {
  const text = formatEstimated([
    { key: [45, -6.75, 2, 128], expectedError: 0.1 },
    { key: [45, -6.75, 2, 128, 4], expectedError: 0.2 },
  ]);
  assert.equal(text, `${HEADER}45,-7,15.75,2,128,1,0.1\n45,-7,15.75,2,128,4,0.2\n`);
  assert.deepEqual(readEstimated(text, "estimated.csv").rows, [
    { key: [45, -7, 2, 128], prefillKey: 15.75, expectedError: 0.1 },
    { key: [45, -7, 2, 128, 4], prefillKey: 15.75, expectedError: 0.2 },
  ]);
});

Deno.test("estimated.csv: no rows are a header", () => {
  assert.equal(formatEstimated([]), HEADER);
  assert.deepEqual(readEstimated(HEADER, "estimated.csv"), { rows: [], issues: [] });
});

Deno.test("estimated.csv: faults are left out and reported", () => {
  const { rows, issues } = readEstimated(
    `${OLDER}0,0,1,16,0.1\n0,0,1,16,0.2\n0,0,x,16,0.1\n0,0,2,16,\n0,0,4,16,0.3\n`,
    "estimated.csv",
  );
  assert.deepEqual(rows, [{ key: [0, 0, 1, 16], expectedError: 0.1 }, {
    key: [0, 0, 4, 16],
    expectedError: 0.3,
  }]);
  assert.deepEqual(issues.map(({ code, row }) => [code, row]).sort(), [
    ["key-duplicate", 3],
    ["key-invalid", 4],
    ["number-invalid", 5],
  ]);
});

Deno.test("estimated.csv: of one history the earlier place is first, and places are read where they are named", () => {
  const text = formatEstimated([
    { key: [45, 3, 2, 128], prefillKey: 26.25, expectedError: 0.1 },
    { key: [45, 3, 2, 128], prefillKey: 25.75, expectedError: 0.2 },
  ]);
  assert.equal(text, `${HEADER}45,3,25.75,2,128,1,0.2\n45,3,26.25,2,128,1,0.1\n`);
  assert.deepEqual(readEstimated(text.replace(",1,0.1", ",4,0.1"), "estimated.csv").rows, [
    { key: [45, 3, 2, 128], prefillKey: 25.75, expectedError: 0.2 },
    { key: [45, 3, 2, 128, 4], prefillKey: 26.25, expectedError: 0.1 },
  ]);
  // A history below 0 may be named with its place alone.
  const below = `${OLDER}16,-3,2,128,0.5\n`;
  assert.deepEqual(readEstimated(below, "estimated.csv").rows, []);
});
