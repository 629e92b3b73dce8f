import assert from "node:assert/strict";
import { findWords } from "../../tasks/words.ts";

Deno.test("words of the stop-list are found with their line, also where a line ends within them", () => {
  assert.deepEqual(findWords("A run is resumed.\nThe file is gone\n * on with; p90 in nine of ten.\n"), [
    { line: 2, found: "gone on with", instead: "resumed" },
    { line: 3, found: "nine of ten", instead: "p90" },
  ]);
  assert.deepEqual(findWords("KV length, GEMM, drift"), []);
});
