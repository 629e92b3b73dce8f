import assert from "node:assert/strict";
import { addCounts, countsOf, countsText } from "../../../tasks/test/counts.ts";

const DENO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="3" failures="1" errors="0" time="0.1">
    <testsuite name="./a_test.ts" tests="3" disabled="0" errors="0" failures="1">
        <testcase name="a"/>
        <testcase name="b"><failure message="no"/></testcase>
        <testcase name="c"><skipped/></testcase>
    </testsuite>
</testsuites>`;
const PYTEST = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">` +
  `<testsuite name="pytest" errors="1" failures="0" skipped="1" tests="5" time="0.1">` +
  `<testcase name="a"><skipped type="pytest.skip"/></testcase></testsuite></testsuites>`;

Deno.test("counts come from the reports of both runners", () => {
  assert.deepEqual(countsOf(DENO, false), { passed: 1, failed: 1, skipped: 1 });
  assert.deepEqual(countsOf(PYTEST, false), { passed: 3, failed: 1, skipped: 1 });
});

Deno.test("a runner that fails without a failed test counts as a failure", () => {
  assert.deepEqual(countsOf("", false), { passed: 0, failed: 1, skipped: 0 });
  const crashed = DENO.replaceAll('failures="1"', 'failures="0"');
  assert.deepEqual(countsOf(crashed, false), { passed: 2, failed: 1, skipped: 1 });
});

Deno.test("the closing line has the sums, and skipped tests where there are some", () => {
  const sum = addCounts({ passed: 1, failed: 0, skipped: 0 }, { passed: 2, failed: 1, skipped: 0 });
  assert.equal(countsText(sum), "3 passed, 1 failed");
  assert.equal(countsText({ passed: 3, failed: 0, skipped: 2 }), "3 passed, 0 failed, 2 skipped");
});
