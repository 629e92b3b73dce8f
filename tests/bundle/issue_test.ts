import assert from "node:assert/strict";
import { type Issue, renderIssue } from "../../src/bundle/issue.ts";

Deno.test("renderIssue writes severity, place, finding and facts as far as they are known", () => {
  const issue: Issue = { code: "x", severity: "warning", path: "tp1", message: "The folder is skipped" };
  const cases: [Partial<Issue>, string][] = [
    [{}, "warning: tp1: The folder is skipped"],
    [{ expected: "tp<N>" }, "warning: tp1: The folder is skipped; expected tp<N>"],
    [{ row: 3 }, "warning: tp1, row 3: The folder is skipped"],
    [{ row: 3, column: "a", found: "" }, 'warning: tp1, row 3, column a: The folder is skipped; found ""'],
    [{ column: "a.b", found: "1" }, "warning: tp1, key a.b: The folder is skipped; found 1"],
  ];
  for (const [facts, line] of cases) assert.equal(renderIssue({ ...issue, ...facts }), line);
});
